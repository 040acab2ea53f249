"""Streams whose client did not ask for the usage: it is known here, and the client gets what it would have got."""

import threading
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.models import ModelSource, UsageRecord
from providers.relay import usage
from providers.relay.usage.stream_usage import HELD, UsageFrames
from tests.upstream import in_json, oddities
from tests.upstream import openai as oai

ASKED = {"stream_options": {"include_usage": True}}


def frame(value: Any, end: str = "\n\n") -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else orjson.dumps(value)) + end.encode()


def chunk(choices: Any, **more: Any) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "choices": choices, **more}


WORD = [{"index": 0, "delta": {"content": "Blue"}, "finish_reason": None}]
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
# (what a provider sends to whoever asked, what it sends to others)
FRAMES: list[tuple[bytes, bytes]] = [
    (frame(chunk(WORD)), frame(chunk(WORD))),
    (frame(chunk(WORD, usage=None)), frame(chunk(WORD))),
    (frame(chunk(WORD, usage=None, obfuscation="x")), frame(chunk(WORD, obfuscation="x"))),
    (frame({"usage": None, **chunk(WORD)}), frame(chunk(WORD))),
    (frame(b'{"choices": [], "usage": null}'), frame(b'{"choices": []}')),
    (frame(chunk([], usage=USAGE)), b""),
    (frame(chunk([], usage=USAGE), "\r\n\r\n"), b""),
    (frame(chunk([{"index": 0, "delta": {}}], usage=USAGE)), b""),
    *(
        (same, same)
        for same in (
            frame(chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE)),
            frame(chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}}], usage=USAGE)),
            frame(chunk([{"index": 0, "delta": {"content": ',"usage":null,"usage":{"a":1}'}}])),
            frame(chunk([{"index": 0, "delta": {"usage": None, "content": "a"}}])),
            frame(chunk([], error={"message": "GPU lost"}, usage=USAGE)),
            frame(b"[DONE]"),
            b": keep-alive\n\n",
        )
    ),
]


@given(st.lists(st.sampled_from(FRAMES), max_size=6), st.lists(st.integers(1, 60), max_size=20))
def test_a_stream_is_what_it_would_have_been_wherever_it_is_cut(
    frames: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    sent, expected = b"".join(one[0] for one in frames), b"".join(one[1] for one in frames)
    frames_out, got, start = UsageFrames(), b"", 0
    for size in sizes:
        got += frames_out.feed(sent[start : start + size])
        start += size
    got += frames_out.feed(sent[start:]) + frames_out.rest()
    assert got == expected


def test_a_long_frame_passes_before_its_end() -> None:
    frames = UsageFrames()
    begun = b'data: {"picture":"' + b"x" * HELD
    assert frames.feed(begun) == begun
    assert frames.feed(b'"}\n') + frames.feed(b"\n" + frame(chunk([], usage=USAGE))) == b'"}\n\n'
    assert frames.rest() == b""


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["lane", "view"])
def entrance(request, site):
    return site.url if request.param == "lane" else site.views_url


def ask(site: Any, entrance: str, key: str, **more: Any) -> Any:
    body = {"model": "m1", "messages": [{"role": "user", "content": "hi"}], "stream": True, **more}
    return site.session(key=key).post(f"{entrance}/v1/chat/completions", json=body)


def record(count: int = 1) -> UsageRecord:
    """The newest of so many records, once they are written."""
    pause = threading.Event()
    for _ in range(1000):
        usage.flush()
        if UsageRecord.objects.count() >= count:
            break
        pause.wait(0.01)
    assert UsageRecord.objects.count() == count
    return UsageRecord.objects.latest("pk")


def test_tokens_are_known_and_the_client_gets_its_bytes(site, entrance, connection, upstream, api_key):
    told = ask(site, entrance, api_key, **ASKED).content
    assert record(1).tokens_out > 0
    plain = ask(site, entrance, api_key).content
    assert record(2).tokens_out > 0
    assert upstream.last.json["stream_options"] == {"include_usage": True}
    assert b'"usage"' in told
    assert b'"usage"' not in plain
    assert plain.endswith(b"data: [DONE]\n\n")
    assert told.startswith(plain.removesuffix(b"data: [DONE]\n\n"))


def test_options_of_the_client_stay(site, connection, upstream, api_key):
    ask(site, site.url, api_key, stream_options={"include_obfuscation": False})
    asked = upstream.last.json["stream_options"]
    assert asked == {"include_obfuscation": False, "include_usage": True}


def test_a_provider_that_refuses_the_question_is_not_asked_again(site, entrance, connection, upstream, api_key):
    upstream.script(oai.error(400, "stream_options is not supported"), oai.chat("one"), oai.chat("two"))
    assert b"one" in ask(site, entrance, api_key).content
    one = record(1)
    assert (one.status, one.error_code) == (200, "")
    assert b"two" in ask(site, entrance, api_key).content
    bodies = [received.json for received in upstream.chats]
    assert ["stream_options" in body for body in bodies] == [True, False, False]
    assert ModelSource.objects.get().usage_refused is not None


def test_another_refusal_is_passed_on(site, connection, upstream, api_key):
    upstream.script(oai.error(400, "The context is too long."))
    answer = ask(site, site.url, api_key)
    assert answer.status_code == 400
    assert record(1).error_message == "The context is too long."


@pytest.mark.parametrize("behaviour", [in_json({"choices": [], "usage": None}), oddities.transformers_serve()])
def test_what_is_no_stream_or_tells_its_usage_anyway_is_unchanged(site, connection, upstream, api_key, behaviour):
    upstream.script(behaviour, behaviour)
    told = ask(site, site.url, api_key, **ASKED).content
    assert ask(site, site.url, api_key).content == told
