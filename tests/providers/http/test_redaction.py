"""Redaction of secrets in responses: which secrets, in which encodings, and across pieces of a stream."""

import ast
import base64
import gc
import html
import json
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from providers import callers, fields, runtime
from providers.http import NO_SECRETS, secrets_of
from providers.http.redaction import RecentSecrets
from tests.fixtures.process import ROOT

KEY = "sk-live/0123+456789=secret"
PASSWORD = "correct-horse-9"

FORMS = {
    "as it is": KEY,
    "in a URL": quote(KEY, safe=""),
    "in a path": quote(KEY),
    "in a form": quote_plus(KEY),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("="),
    "in JSON with slashes escaped": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "behind its scheme": f"Bearer {KEY}",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("error", [True, False])
def test_a_key_is_replaced_in_the_forms_that_servers_quote_it_in(text, error):
    body = f'{{"message": "no such key: {text}."}}'.encode()
    cleaned = secrets_of([KEY]).clean(body, error=error)
    assert text.removeprefix("Bearer ").encode() not in cleaned
    assert len(cleaned) == len(body)
    assert cleaned.endswith(b'."}')


@pytest.mark.parametrize("value", ['quote"and\\slash-77', "a<b>&c-secret-77", "schlüssel-77-geheim"])
def test_a_key_is_replaced_as_json_and_html_write_it(value):
    secrets = secrets_of([value])
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), html.escape(value)):
        assert text.strip('"').encode() not in secrets.clean(text.encode(), error=True)


@pytest.mark.parametrize(
    "known",
    [
        secrets_of([f"user:{PASSWORD}"]),
        secrets_of((), [("Authorization", "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode())]),
        secrets_of((), (), f"https://user:{quote(PASSWORD)}@comfy.example/"),
        secrets_of((), (), f"https://search.example/?q=x&api_key={PASSWORD}"),
        secrets_of((), [("X-Auth-Token", PASSWORD)]),
        secrets_of((), [("X-Anything", PASSWORD)]),
    ],
    ids=["user and password", "Basic", "in an address", "in a query", "a header by its name", "a header by its look"],
)
def test_passwords_are_known_wherever_they_stand(known):
    assert PASSWORD.encode() not in known.clean(f"wrong password {PASSWORD}".encode())


ORDINARY = [
    ("X-Team", "design"),
    ("anthropic-version", "2023-06-01"),
    ("api-version", "2024-10-21-preview"),
    ("X-Format", "application/json"),
    ("OpenAI-Beta", "assistants=v2"),
    ("HTTP-Referer", "https://chat.example.com"),
]


@pytest.mark.parametrize(("name", "value"), ORDINARY)
def test_ordinary_words_of_headers_are_replaced_in_errors_only(name, value):
    secrets = secrets_of((), [(name, value)])
    body = f"about {value} and more".encode()
    assert secrets.clean(body) == body
    assert value.encode() not in secrets.clean(body, error=True)


@pytest.mark.parametrize(
    "frame",
    [
        'data: {"error": {"message": "not for design"}}\n\n',
        'event: error\ndata: "not for design"\n\n',
        'data: {"type": "error", "message": "not for design"}\n\n',
        'error: {"message": "not for design"}\n\n',
        '{"choices": null, "error": "not for design"}',
    ],
)
def test_a_frame_that_tells_of_an_error_is_an_error(frame):
    cleaner = secrets_of((), [("X-Team", "design")]).cleaner()
    before = 'data: {"choices": [], "error": null, "text": "design"}\n\n'
    assert cleaner.feed(before.encode()) == before.encode()
    assert b"design" not in b"".join(cleaner.feed(piece.encode()) for piece in (frame[:12], frame[12:]))


@pytest.mark.parametrize("word", ["none", "ollama", "EMPTY", "lm-studio", "message", "true", "k", "abc", ""])
def test_what_is_no_secret_is_left_alone(word):
    body = f'{{"error": {{"message": "{word} is true"}}, "key": true}}'.encode()
    assert secrets_of([word], [("X-A", word)]).clean(body, error=True) == body


def test_numbers_stay_numbers():
    cleaned = secrets_of(["12345678"]).clean(b'{"seed": 12345678}', error=True)
    assert json.loads(cleaned) == {"seed": 11111111}


def test_of_some_servers_only_errors_are_cleaned():
    secrets = secrets_of([KEY], only_errors=True)
    assert secrets.clean(KEY.encode()) == KEY.encode()
    assert KEY.encode() not in secrets.clean(KEY.encode(), error=True)


@given(st.lists(st.integers(min_value=0, max_value=200), max_size=12), st.booleans())
def test_a_secret_is_replaced_however_a_body_is_cut(cuts, error):
    secrets = secrets_of([KEY], [("X-Gate", "gate-secret-12")])
    body = f"s sk sk-live {KEY}{KEY} gate-secret-1 gate-secret-12 sk-live/0123+456789=secre".encode()
    cleaner = secrets.cleaner(error=error)
    ends = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    pieces = [cleaner.feed(body[start:end]) for start, end in pairwise(ends)]
    assert b"".join(pieces) + cleaner.flush() == secrets.clean(body, error=error)
    assert KEY.encode() not in secrets.clean(body)


def test_nothing_is_held_back_at_the_end_of_a_frame():
    cleaner = secrets_of([KEY]).cleaner()
    assert cleaner.feed(b'data: {"delta": "sk"}\n\n') == b'data: {"delta": "sk"}\n\n'
    assert cleaner.flush() == b""


def test_no_cache_has_a_secret_for_its_key(settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    secrets = ["sk-kept-0123456789", settings.FIELD_ENCRYPTION_KEYS[0]]
    assert secrets_of(secrets[:1], [("X-Key", secrets[0])]) is secrets_of(secrets[:1], [("X-Key", secrets[0])])
    callers._digest(secrets[0])
    fields.sealed("key")
    caches = [cache for cache in gc.get_objects() if type(cache).__name__ == "_lru_cache_wrapper"]
    held = repr([gc.get_referents(cache) for cache in caches if cache.__module__.startswith("providers.")])
    held += repr(list(runtime.state(RecentSecrets).by_digest))
    assert [secret for secret in secrets if secret in held] == []


def test_without_secrets_nothing_is_looked_at():
    assert not NO_SECRETS
    assert not secrets_of([""], [])


# --- every call ---

CALLS = {"request", "stream", "stream_blocking", "fetch", "websocket"}
# Calls that carry nothing secret: pictures at public addresses, and what an OpenID provider tells everybody.
OPEN = {
    ("imagegen/inputs.py", "fetch"),
    ("imagegen/conversation/handler.py", "fetch"),
    ("providers/sign_ins.py", "request"),
}


def test_every_call_to_a_server_names_its_secrets():
    without = set()
    for room in ("providers", "chat", "imagegen", "webui"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                if ast.unparse(node.func.value) != "http" or node.func.attr not in CALLS:
                    continue
                if not any(keyword.arg in ("secrets", None) for keyword in node.keywords):
                    without.add((path.relative_to(ROOT).as_posix(), node.func.attr))
    assert without == OPEN
