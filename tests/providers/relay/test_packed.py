"""A provider that compresses responses without being asked: the lane passes them on, the site decodes them."""

import json
import threading

import pytest

from providers import services
from providers.relay.usage import tail
from tests import people
from tests.chat.talk import Talker
from tests.providers.relay.test_usage import records
from tests.upstream import in_html, in_json, openai
from tests.upstream.packed import PACKINGS, bomb, packed

BODY = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}
NAMES = [name for name in PACKINGS if name not in ("identity", "a charset")]
every = pytest.mark.parametrize("name", NAMES)


def answer(name, content="Blue as ever.", stream=False):
    def behave(received):
        reply = openai.chat(content, usage={"prompt_tokens": 7, "completion_tokens": 3})(received)
        return packed(reply, name)

    return behave


@pytest.fixture(autouse=True)
def no_tasks(db):
    people.set_chat(titles=False, follow_ups=False)


@every
@pytest.mark.parametrize("views", [False, True], ids=["lane", "views"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_call_is_passed_on_as_it_is_and_counted(site, upstream, connection, api_key, name, views, stream):
    upstream.always(answer(name), path="/chat/completions")
    url = f"{site.views_url if views else site.url}/v1/chat/completions"
    asked = {"stream_options": {"include_usage": True}} if stream else {}  # a stream without it is unpacked and read
    got = site.session(key=api_key).post(url, json={**BODY, "stream": stream, **asked}, stream=True)
    assert got.headers["Content-Encoding"] == PACKINGS[name][0]
    raw = got.raw.read(decode_content=False)
    assert b"Blue" not in raw or "br" in PACKINGS[name][0]  # what is short, brotli may leave as it is
    (record,) = records()
    assert (record.tokens_in, record.tokens_out) == (7, 3)


def test_a_small_body_that_unpacks_to_much_is_counted(site, upstream, connection, api_key):
    """Its usage is more than `MAX_UNPACKED_AT_ONCE` bytes behind the beginning, and no piece follows."""
    upstream.always(answer("gzip", "x" * 2**22), path="/chat/completions")
    got = site.session(key=api_key).post(f"{site.url}/v1/chat/completions", json=BODY, stream=True)
    assert len(got.raw.read(decode_content=False)) < 2**14
    (record,) = records()
    assert (record.status, record.tokens_in, record.tokens_out) == (200, 7, 3)


def test_who_leaves_at_the_last_byte_does_not_end_the_counting(site, upstream, connection, api_key, monkeypatch):
    unpack, begun, go_on = tail.PackedTail._unpack, threading.Event(), threading.Event()

    def slowly(self):
        if threading.current_thread().name != "site":
            begun.set()
            assert go_on.wait(20)
        return unpack(self)

    monkeypatch.setattr(tail.PackedTail, "_unpack", slowly)
    upstream.always(answer("gzip", "x" * 2**22), path="/chat/completions")
    session = site.session(key=api_key)
    session.post(f"{site.url}/v1/chat/completions", json=BODY, stream=True).raw.read(decode_content=False)
    session.close()
    assert begun.wait(20)
    threading.Event().wait(0.2)  # the site hears that the client has left
    go_on.set()
    (record,) = records()
    assert (record.status, record.tokens_in, record.tokens_out) == (200, 7, 3)


@every
def test_a_reply_is_read(site, upstream, connection, alice, name):
    upstream.always(answer(name), path="/chat/completions")
    talker = Talker(site, alice)
    started = talker.start()
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    assert (message["status"], message["content"]) == ("done", "Blue as ever.")


@pytest.mark.parametrize("name", ["gzip", "br"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_completion_and_a_task_are_read(site, upstream, connection, alice, name, stream):
    upstream.always(answer(name), path="/chat/completions")
    talker = Talker(site, alice)
    got = talker.send("POST", "/api/chat/completions", {**BODY, "stream": stream})
    assert "Blue" in json.dumps(got)
    task = talker.send("POST", "/api/v1/tasks/title/completions", BODY)
    assert task["choices"][0]["message"]["content"] == "Blue as ever."


@every
def test_the_words_of_a_packed_error_reach_people(site, upstream, connection, alice, name):
    upstream.always(packed(openai.error(400, "no such colour"), name), path="/chat/completions")
    talker = Talker(site, alice)
    started = talker.start()
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    assert message["error"]["provider"] == "no such colour"


@every
def test_a_packed_list_is_read(upstream, connection, name):
    upstream.always(packed(in_json({"data": [{"id": "blue"}, {"id": "red"}]}), name), path="/models")
    assert services.check_connection(connection).models == 2


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_a_packed_page_says_why_a_list_is_not_there(upstream, connection, name):
    upstream.always(packed(in_html(502), name), path="/models")
    assert "502 Bad Gateway" in services.check_connection(connection).message


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_an_answer_that_is_huge_once_unpacked_fails_alone(site, upstream, connection, alice, name):
    upstream.always(bomb(name), path="/chat/completions")
    talker = Talker(site, alice)
    started = talker.start()
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    assert message["status"] != "done"
    assert len(message["content"]) < 2**20
