"""A provider that sends single bytes: every call ends at its time limit with our error, at every entrance."""

import pytest

from chat.models import Message
from providers.models import Connection
from providers.relay.operations import OPERATIONS
from tests import people
from tests.chat.talk import Talker
from tests.providers.relay.test_operations import REQUESTS, kind_for, written
from tests.upstream import frame
from tests.upstream.dripping import DRIPPING

SLOW = {"connect_timeout": 5, "first_byte_timeout": 0.4, "idle_timeout": 0.4}
BEGUN = ("the headers after a body", "a frame after another", "JSON in lines", "a page")  # what has come was passed on
SENTENCE = "The provider took too long to answer."
# What a client learns of the error, by the kind of its connection; only OpenAI's form has a code.
TOLD = {"openai": "upstream_timeout", "anthropic": ("error", "timeout_error", SENTENCE), "ollama": SENTENCE}
FROM_THE_START = {name: answer for name, answer in DRIPPING.items() if name not in BEGUN}


def told(body):
    """The code of an error in OpenAI's form; all of one in Anthropic's or Ollama's."""
    error = body["error"]
    if "type" in body:
        return body["type"], error["type"], error["message"]
    return error["code"] if isinstance(error, dict) else error


@pytest.fixture
def connection(connection):
    Connection.objects.filter(pk=connection.pk).update(**SLOW)
    people.set_chat(titles=False, follow_ups=False)
    return connection


@pytest.mark.parametrize("views", [False, True], ids=["lane", "views"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("answer", FROM_THE_START.values(), ids=FROM_THE_START)
def test_a_call_ends_at_its_limit(site, upstream, connection, api_key, answer, stream, views):
    upstream.always(answer(), path="/chat/completions")
    url = f"{site.views_url if views else site.url}/v1/chat/completions"
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    got = site.session(key=api_key).post(url, json=body)
    assert (got.status_code, got.json()["error"]["code"]) == (504, "upstream_timeout")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_ends_at_its_limit(site, upstream, connection, api_key, operation):
    row = OPERATIONS[operation]
    Connection.objects.filter(pk=connection.pk).update(kind=kind_for(row))
    body, headers = written(row, REQUESTS[operation])
    for name in ("a header", "JSON", "audio"):
        upstream.always(DRIPPING[name](), path=f"/{row.path}")
        got = site.session(key=api_key).post(f"{site.url}{row.paths[0]}", data=body, headers=headers)
        assert (got.status_code, told(got.json())) == (504, TOLD[kind_for(row)]), name


@pytest.mark.parametrize("views", [False, True], ids=["lane", "views"])
def test_a_stream_that_begins_to_drip_ends_with_a_frame(site, upstream, connection, api_key, views):
    upstream.always(DRIPPING["a frame after another"](), path="/chat/completions")
    url = f"{site.views_url if views else site.url}/v1/chat/completions"
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    try:
        got = site.session(key=api_key).post(url, json=body, stream=True).iter_content(None)
        assert next(got).startswith(frame({"a": 1}))
        list(got)
    except OSError:
        pass  # the frame before it was never complete, so the connection breaks off


@pytest.mark.parametrize("answer", DRIPPING.values(), ids=DRIPPING)
def test_a_reply_ends_at_its_limit_and_can_be_tried_again(site, upstream, connection, alice, answer):
    upstream.always(answer(), path="/chat/completions")
    talker = Talker(site, alice)
    started = talker.start()
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    assert message["status"] != Message.Status.DONE
    assert (message["error"]["code"], message["error"]["retryable"]) == ("upstream_timeout", True)


@pytest.mark.parametrize("name", ["a header", "JSON", "JSON in lines", "a stream without a line"])
def test_a_task_ends_at_its_limit(site, upstream, connection, alice, name):
    upstream.always(DRIPPING[name](), path="/chat/completions")
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}
    got = Talker(site, alice).send("POST", "/api/v1/tasks/title/completions", body, status=504)
    assert got["code"] == "upstream_timeout"
