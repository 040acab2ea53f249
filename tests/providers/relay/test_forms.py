"""Forms: what is read of them, what is refused, and what the provider gets."""

import hashlib
import io
from typing import Any

import pytest

from providers.errors import BadRequest, TooLarge
from providers.models import ChatModel, Connection
from providers.relay import forms
from tests import people
from tests.upstream import unused_port

TYPE = 'multipart/form-data; boundary="b"'
MODEL = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm1\r\n'
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a \\"b\\" \xe9\x9f\xb3.mp3"\r\n'
    b"Content-Type: audio/mpeg\r\n\r\n\r\n--a\r\n\r\n"
)
END = b"--b--\r\n"
URL = "/v1/audio/transcriptions"


def received(body: bytes, content_type: str = TYPE) -> forms.ReceivedForm:
    return forms.ReceivedForm(io.BytesIO(body), content_type, len(body))


def field(name: bytes, text: bytes = b"m2") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; name=" + name + b"\r\n\r\n" + text + b"\r\n"


async def sent(form: forms.Form) -> bytes:
    data = b"".join([piece async for piece in form.pieces()])
    assert form.size == len(data)
    return data


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [END, b"--b--", b"--b--  \r\n"])
@pytest.mark.parametrize("start", [b"", b"\r\n"])
async def test_a_form_is_read_and_sent_as_it_came(start: bytes, end: bytes) -> None:
    more = field(b'"words[]"', b"a") + field(b'"words[]"', b"b") + field(b'"words[]"', b"c") + field(b"empty", b"")
    body = start + FILE + MODEL + more + end
    form = forms.read(received(body))
    assert form.fields == {"model": "m1", "words[]": ["a", "b", "c"], "empty": ""}
    assert [(part.name, body[part.start : part.end]) for part in form.parts if part.is_file] == [
        ("file", b"\r\n--a\r\n")
    ]
    assert form.with_fields({"model": "m1"}) is form
    assert await sent(form) == body


async def test_a_changed_field_replaces_the_content_of_its_part() -> None:
    rest = field(b'"prompt"', b"hi") + END
    form = forms.read(received(FILE + MODEL + rest)).with_fields({"model": "other/name"})
    assert form.fields == {"model": "other/name", "prompt": "hi"}
    assert await sent(form) == FILE + MODEL.replace(b"m1", b"other/name") + rest
    assert await sent(form.with_fields({"model": "m3"})) == FILE + MODEL.replace(b"m1", b"m3") + rest


async def test_a_field_that_is_missing_stands_first() -> None:
    form = forms.read(received(b"\r\n" + FILE + END)).with_fields({"model": "m1"})
    assert await sent(form) == b"\r\n" + MODEL + FILE + END


async def test_a_form_that_spans_pieces_is_read_and_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "PIECE", 7)
    form = forms.read(received(FILE + MODEL + END))
    assert form.fields == {"model": "m1"}
    assert await sent(form.with_fields({"model": "m2"})) == FILE + MODEL.replace(b"m1", b"m2") + END


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "no boundary": b"model=m1",
    "no end": FILE + MODEL,
    "text before it": b"text\r\n" + MODEL + END,
    "text behind it": MODEL + END + MODEL,
    "a second form behind it": MODEL + b"--b--\r\n\r\n" + MODEL + END,
    "a model twice": MODEL + field(b'"model"') + END,
    "a model twice, once a file": MODEL + field(b'"model"; filename="a"') + END,
    "a name that is escaped": MODEL + field(rb'"mod\el"') + END,
    "a name in another charset": MODEL + field(b"\"a\"; name*=utf-8''model") + END,
    "two names": field(b'"a"; name="model"') + END,
    "two dispositions": MODEL.replace(b"\r\n\r\n", b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n') + END,
    "a folded line": field(b'"a";\r\n name="model"') + END,
    "no name": field(b'""') + END,
    "no header": b"--b\r\n\r\nm1\r\n" + END,
    "a part that is packed": MODEL.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + END,
    "other line ends": MODEL.replace(b"\r\n", b"\n") + b"--b--\n",
    "a boundary inside a part": FILE + b"--b\n" + MODEL + END,
    "a boundary that goes on": MODEL + b"--bc\r\n" + END,
    "a name that is no text": field(b'"\xff"') + END,
    "a model that is no text": field(b'"model"', b"\xff") + END,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        forms.read(received(body))
    assert refused.value.code == "invalid_form"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("application/json", 415),
        ("multipart/form-data", 415),
        ("multipart/mixed; boundary=b", 415),
        ("multipart/form-data; charset=utf-8", 400),
        ("multipart/form-data; boundary=a; boundary=b", 400),
        ("multipart/form-data; boundary*=b; boundary=b", 400),
        (f"multipart/form-data; boundary={'b' * 300}", 400),
    ],
)
def test_a_content_type_without_one_boundary_is_refused(content_type: str, status: int) -> None:
    with pytest.raises(BadRequest) as refused:
        forms.read(received(MODEL + END, content_type))
    assert refused.value.status == status


def test_a_form_of_too_many_parts_is_refused(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    assert forms.read(received(field(b'"a[]"') * 3 + END)).fields
    with pytest.raises(BadRequest):
        forms.read(received(field(b'"a[]"') * 4 + END))


def test_a_file_over_the_bound_is_refused(settings: Any) -> None:
    settings.FILE_MAX_BYTES = 3
    with pytest.raises(TooLarge) as refused:
        forms.read(received(FILE + MODEL + END))
    assert refused.value.param == "file"


# --- the running site -------------------------------------------------------------------------------------------------


def post(session: Any, url: str, body: Any, content_type: str = TYPE) -> Any:
    return session.post(url, data=body, headers={"Content-Type": content_type}, timeout=20)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["key", "session"])
def test_the_provider_gets_the_form_of_a_key_and_of_a_session(
    who: str, site: Any, upstream: Any, connection: Any, api_key: str, alice: Any
) -> None:
    session = site.session(key=api_key) if who == "key" else site.session(alice)
    answer = post(session, f"{site.url}/openai/audio/transcriptions", FILE + MODEL + END)
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"].endswith("has 7 bytes.")
    assert upstream.last.body == FILE + MODEL + END
    assert upstream.last.headers["Content-Type"] == TYPE
    assert upstream.last.headers["Content-Length"] == str(len(FILE + MODEL + END))
    assert "Transfer-Encoding" not in upstream.last.headers


@pytest.mark.django_db(transaction=True)
def test_a_session_without_its_token_is_refused(site: Any, upstream: Any, connection: Any, alice: Any) -> None:
    session = site.session(alice)
    del session.headers["X-CSRFToken"]
    assert post(session, f"{site.url}{URL}", FILE + MODEL + END).status_code == 403
    assert upstream.asked("/audio/transcriptions") == []


@pytest.mark.django_db(transaction=True)
def test_presets_and_prefixes_replace_the_model_of_a_form(
    site: Any, upstream: Any, connection: Any, api_key: str
) -> None:
    ChatModel.objects.create(public_id="ear", name="Ear", base=ChatModel.objects.get(), system_prompt="Listen.")
    people.make_connection(upstream.url, "m9", name="Work", prefix_id="work", position=1)
    for public, theirs in (("ear", b"m1"), ("work.m9", b"m9")):
        body = FILE + MODEL.replace(b"m1", public.encode()) + END
        answer = post(site.session(key=api_key), f"{site.url}{URL}", body)
        assert answer.status_code == 200, answer.text
        assert upstream.last.body == FILE + MODEL.replace(b"m1", theirs) + END


@pytest.mark.django_db(transaction=True)
def test_a_large_file_is_sent_from_disk_to_the_next_source(
    site: Any, upstream: Any, connection: Any, api_key: str
) -> None:
    Connection.objects.filter(pk=connection.pk).update(position=2)
    people.make_connection(f"http://127.0.0.1:{unused_port()}/v1", "m1", name="Away", position=1)
    large = FILE.replace(b"--a", bytes(range(256)) * 2**15)  # 8 MB
    answer = post(site.session(key=api_key), f"{site.url}{URL}", large + MODEL + END)
    assert answer.status_code == 200, answer.text
    assert hashlib.sha256(upstream.last.body).digest() == hashlib.sha256(large + MODEL + END).digest()


@pytest.mark.django_db(transaction=True)
def test_a_form_over_the_bound_of_bodies_is_refused(
    site: Any, upstream: Any, connection: Any, api_key: str, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = post(site.session(key=api_key), f"{site.url}{URL}", FILE + MODEL + END)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    answer = post(site.session(key=api_key), f"{site.url}{URL}", iter([FILE, MODEL, END]))
    assert answer.status_code == 413
    assert upstream.asked("/audio/transcriptions") == []


@pytest.mark.django_db(transaction=True)
def test_json_is_no_form(site: Any, connection: Any, api_key: str) -> None:
    answer = site.session(key=api_key).post(f"{site.url}{URL}", json={"model": "m1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
