"""Speech clips: routing, caching of whole clips, one download per clip."""

import asyncio
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.core.cache import cache
from django.db import connections

from providers import callers, relay
from providers.models import ChatModel, Connection, SpeechClip, UsageRecord
from providers.relay import usage
from providers.relay.routing import attempts
from tests import people
from tests.upstream import RESET, Gate, Reply, in_bytes, in_html, in_json, in_text
from tests.upstream.openai import error
from tests.upstream.pictures import speech

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
SAY = {"model": "tts-1", "input": "Good morning.", "voice": "alloy"}
SPEECH = "/audio/speech"


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}},
    }
    return tmp_path


@pytest.fixture
def say(site, api_key):
    def post(body=None, path="/v1/audio/speech", **headers):
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {api_key}"
            return session.post(f"{site.url}{path}", json={**SAY, **(body or {})}, headers=headers, timeout=PATIENCE)

    return post


def test_the_words_are_spoken_once_and_served_from_the_store_afterwards(say, connection, upstream):
    first = say()
    again = say(path="/openai/audio/speech")

    assert first.status_code == again.status_code == 200
    assert first.content == again.content != b""
    assert first.headers["Content-Type"] == again.headers["Content-Type"] == "audio/mpeg"
    assert (first.headers["X-Cache"], again.headers["X-Cache"]) == ("miss", "hit")
    assert len(upstream.asked(SPEECH)) == 1


def test_spacing_and_order_of_the_json_do_not_matter_but_voice_and_format_do(site, api_key, say, connection, upstream):
    say()
    with requests.Session() as session:
        session.post(
            f"{site.url}/v1/audio/speech",
            data='{ "voice":"alloy",\n "input": "Good morning.", "model":"tts-1" }',
            headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
            timeout=PATIENCE,
        )
    assert len(upstream.asked(SPEECH)) == 1
    say({"voice": "nova"})
    assert say({"response_format": "wav"}).headers["Content-Type"] == "audio/wav"
    assert len(upstream.asked(SPEECH)) == 3


def test_the_official_sdk_gets_its_sound(site, api_key, connection):
    client = site.openai(api_key)
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="Good morning.")
    assert spoken.content


def test_concurrent_identical_requests_make_one_call_upstream(say, connection, upstream):
    gate = Gate()
    upstream.script(Reply(200, {"Content-Type": "audio/mpeg"}, before=[gate], steps=[b"sound"]), path=SPEECH)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(say) for _ in range(4)]
        gate.wait()
        gate.open()
        answers = [one.result(PATIENCE) for one in asked]

    assert {answer.content for answer in answers} == {b"sound"}
    assert len(upstream.asked(SPEECH)) == 1


def test_a_broken_download_is_never_served_from_the_store(say, connection, upstream):
    upstream.script(Reply(200, {"Content-Type": "audio/mpeg"}, steps=[b"half of" * 200, RESET]), path=SPEECH)
    with pytest.raises(requests.RequestException):
        _ = say().content
    assert not SpeechClip.objects.exists()
    assert say().headers["X-Cache"] == "miss"


def test_words_are_spoken_in_full_though_no_clip_can_be_stored(say, connection, upstream, store):
    (store / "speech").write_bytes(b"a file where the folder of clips would be")
    answers = [say(), say()]
    assert [(answer.status_code, answer.headers["X-Cache"]) for answer in answers] == [(200, "miss")] * 2
    assert [answer.content for answer in answers] == [speech(SAY["input"], "mp3")[0]] * 2
    assert len(upstream.asked(SPEECH)) == 2
    assert not SpeechClip.objects.exists()


@pytest.mark.parametrize("status", [400, 401, 500])
def test_the_providers_status_and_words_reach_the_caller(say, connection, upstream, status):
    upstream.script(error(status, "The voice is hoarse.", code="hoarse"), path=SPEECH)
    answer = say()
    assert answer.status_code == status
    assert "The voice is hoarse." in answer.json()["error"]["message"]


def test_an_html_error_page_goes_on_as_what_it_is_and_is_never_kept_as_a_sound(say, connection, upstream):
    upstream.script(in_html(502), path=SPEECH)
    answer = say()
    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("text/html")
    assert not SpeechClip.objects.exists()


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (in_html(200, "Sign in to the network"), "200 Sign in to the network"),
        (in_json({"error": {"message": "The voice is hoarse."}}), "The voice is hoarse."),
        (in_text("upstream request timeout"), "upstream request timeout"),
    ],
)
def test_a_page_with_a_good_status_is_no_sound_and_is_never_kept(say, connection, upstream, page, words):
    upstream.script(page, path=SPEECH)
    answer = say()
    assert answer.status_code == 502
    assert words in answer.json()["error"]["message"]
    assert say().status_code == 200
    assert len(upstream.asked(SPEECH)) == 2


def test_the_next_connection_speaks_when_the_first_does_not_know_the_model(say, connection, upstream, start_upstream):
    second = start_upstream()
    people.make_connection(second.url, "other", name="Second", position=5)
    upstream.always(error(404, "No such model", code="model_not_found"), path=SPEECH)
    assert say().status_code == 200
    assert len(upstream.asked(SPEECH)) == len(second.asked(SPEECH)) == 1


def test_the_last_connection_is_tried_again_as_for_every_call(say, connection, upstream, monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_WAIT", 0.01)
    Connection.objects.update(retries=1)
    upstream.script(error(503), path=SPEECH)
    assert say().status_code == 200
    assert len(upstream.asked(SPEECH)) == 2
    assert say().headers["X-Cache"] == "hit"


def test_another_key_of_the_connection_speaks(say, connection, upstream):
    connection.more_keys = {"••••4567": "sk-second-1234567"}
    connection.save()
    upstream.script(error(401), path=SPEECH)
    assert say().status_code == 200
    assert len({asked.headers["Authorization"] for asked in upstream.asked(SPEECH)}) == 2


def test_a_fallback_model_speaks_and_its_clip_is_stored_as_its_own(say, upstream, start_upstream):
    second = start_upstream()
    people.make_connection(upstream.url, "tts-1")
    people.make_connection(second.url, "tts-2", name="Second", position=1)
    ChatModel.objects.filter(public_id="tts-1").update(fallbacks=["tts-2"])
    upstream.script(error(503), error(503), path=SPEECH)
    first, again = say(), say()
    assert (first.status_code, first.headers["x-webui-fallback"]) == (200, "tts-2")
    assert (again.headers["x-webui-fallback"], again.headers["X-Cache"]) == ("tts-2", "hit")
    assert (len(upstream.asked(SPEECH)), len(second.asked(SPEECH))) == (2, 1)
    assert say({"model": "tts-2"}).headers["X-Cache"] == "hit"
    own = say()
    assert (own.headers["X-Cache"], "x-webui-fallback" in own.headers) == ("miss", False)
    usage.flush()
    assert UsageRecord.objects.filter(model="tts-2", status=200, audio_bytes__gt=0, connection__name="Second").exists()


def test_a_connection_that_is_not_theirs_does_not_speak_for_them(say, connection, upstream):
    Connection.objects.update(access="private")
    answer = say()
    assert answer.status_code == 404
    assert upstream.asked(SPEECH) == []


@pytest.mark.parametrize("wrong", [{"input": ""}, {"model": None}, {"response_format": "exe"}, {"input": ["a"]}])
def test_a_request_that_cannot_be_spoken_is_refused_before_the_provider_is_called(say, connection, upstream, wrong):
    answer = say(wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in wrong
    assert upstream.asked(SPEECH) == []


@pytest.mark.parametrize(("kind", "takes"), [("openai", True), ("ollama", True), ("azure", False)])
def test_a_long_text_is_refused_only_for_providers_with_a_limit(say, connection, upstream, kind, takes):
    Connection.objects.update(kind=kind)
    answer = say({"input": "x" * 4097})
    if takes:
        assert answer.status_code == 200
        assert len(upstream.last.json["input"]) == 4097
    else:
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["code"]) == (400, "input", "string_above_max_length")
        assert "4096" in error["message"]
        assert upstream.asked(SPEECH) == []
        assert say({"input": "x" * 4096}).status_code == 200


def test_a_long_text_goes_to_the_source_that_takes_it(say, connection, upstream):
    Connection.objects.update(kind="azure")
    people.make_connection(upstream.url, "m1", name="Second", position=5)
    assert say({"input": "x" * 4097}).status_code == 200
    assert upstream.last.headers.get("api-key") is None


def test_the_store_keeps_to_its_size_and_drops_what_was_used_least_recently(say, connection, upstream, settings, store):
    upstream.always(in_bytes(b"x" * 1000, "audio/mpeg"), path=SPEECH)
    settings.SPEECH_CACHE_BYTES = 2500
    for words in ("one", "two", "three"):
        say({"input": words})
    assert SpeechClip.objects.count() == 2
    assert len([path for path in store.rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize(
    "failure", [error(503, "busy"), error(429, "slow down"), error(408, "late"), Reply(before=[RESET])]
)
def test_a_failure_that_may_pass_is_not_remembered(say, connection, upstream, failure):
    upstream.script(failure, path=SPEECH)
    assert say(**{"Idempotency-Key": "k"}).status_code >= 400
    assert say({"input": "Good night."}, **{"Idempotency-Key": "k"}).status_code == 200
    assert len(upstream.asked(SPEECH)) == 2


def test_a_refusal_is_remembered_under_its_idempotency_key(say, connection, upstream):
    upstream.script(error(400, "no such voice", code="invalid_value"), path=SPEECH)
    first, again = say(**{"Idempotency-Key": "k"}), say(**{"Idempotency-Key": "k"})
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.status_code == 400
    assert len(upstream.asked(SPEECH)) == 1
    assert say().status_code == 200  # without the key it is asked again


def test_a_refusal_that_outlives_its_idempotency_key_is_for_the_same_words(say, connection, upstream, alice):
    upstream.script(error(400, "no such voice", code="invalid_value"), path=SPEECH)
    assert say(**{"Idempotency-Key": "k"}).status_code == 400
    assert cache.delete(f"speech-idempotency:{alice.pk}:{hashlib.sha256(b'k').hexdigest()}")
    assert say({"input": "Good night."}, **{"Idempotency-Key": "k"}).status_code == 200


def test_an_idempotency_key_cannot_stand_for_other_words(say, connection):
    assert say(**{"Idempotency-Key": "k"}).status_code == 200
    assert say(**{"Idempotency-Key": "k"}).status_code == 200
    assert say({"input": "Good night."}, **{"Idempotency-Key": "k"}).status_code == 409


def test_listeners_who_leave_do_not_break_off_what_others_listen_to(site, api_key, say, connection, upstream):
    gate, left, beginning = Gate(), threading.Event(), b"first " * 200  # an answer begins with its first kilobyte
    upstream.script(Reply(200, {"Content-Type": "audio/mpeg"}, steps=[beginning, gate, b"second"]), path=SPEECH)
    with requests.Session() as session:
        leaving = session.post(
            f"{site.url}/v1/audio/speech",
            json=SAY,
            headers={"Authorization": f"Bearer {api_key}"},
            stream=True,
            timeout=PATIENCE,
        )
        assert next(leaving.iter_content(6)) == b"first "
        leaving.close()
        left.set()
    with ThreadPoolExecutor(1) as pool:
        stays = pool.submit(say)
        gate.wait()
        gate.open()
        assert stays.result(PATIENCE).content == beginning + b"second"
    assert len(upstream.asked(SPEECH)) == 1


def test_no_thread_keeps_its_connection_to_the_database(connection, api_key, upstream):
    """A pool would soon be empty, and a database that was restarted would never be found again."""

    async def listen():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        caller = await callers.caller_for_key(api_key)
        async with relay.call(relay.RelayRequest("speech", caller, SAY, idempotency_key="one")) as reply:
            assert await reply.read(2**20)
        return await asyncio.to_thread(lambda: connections["default"].connection)

    assert asyncio.run(listen()) is None


def test_sound_is_counted_as_usage(say, connection):
    from providers.relay import usage

    size = len(say().content)
    say()
    usage.flush()
    rows = list(UsageRecord.objects.filter(kind="speech").order_by("when"))
    assert [row.audio_bytes for row in rows] == [size, size]
    assert [row.connection_id for row in rows] == [connection.pk, None]
