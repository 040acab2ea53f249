"""Limits of answers: an answer that is too long ends, keeps its text so far, and never blocks the event loop."""

import json
import threading

import orjson
import pytest

from chat.answers import calls, pictures, reader
from chat.answers.calls import CallReader
from chat.answers.json_in_text import values
from chat.answers.pictures import InlinePictureSplitter
from chat.answers.reasoning import ThinkSplitter
from providers import json_bodies
from providers.errors import ProviderError
from providers.process import waiting
from providers.upstream import sse

DONE = b"data: [DONE]\n\n"


def frame(delta, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return b"data: " + orjson.dumps({"choices": [choice], **more}) + b"\n\n"


END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n' + DONE


class Source:
    """An endless source of chunks that counts how many were read."""

    def __init__(self, *first, then=None):
        self.first, self.then, self.taken, self.closed = first, then, 0, False

    async def chunks(self):
        try:
            for chunk in self.first:
                self.taken += len(chunk)
                yield chunk
            while self.then is not None:
                self.taken += len(self.then)
                yield self.then
        finally:
            self.closed = True


async def collect(source, **options):
    pieces, error, chunks = [], None, source.chunks()
    try:
        async for piece in reader.read(chunks, **options):
            pieces.append(piece)
    except ProviderError as problem:
        error = problem
    await chunks.aclose()
    return pieces, error


def text_of(pieces):
    return "".join(piece.content for piece in pieces)


# --- bounds -----------------------------------------------------------------------------------------------------------


async def test_a_line_without_an_end_is_read_up_to_the_bound(monkeypatch):
    monkeypatch.setattr(sse, "LONGEST_WITH_PICTURES", 100_000)
    source = Source(frame({"content": "Blue."}), b"data: ", then=b"x" * 10_000)
    pieces, error = await collect(source)
    assert (text_of(pieces), error.code) == ("Blue.", "answer_too_large")
    assert source.taken < 120_000


async def test_many_lines_of_one_frame_are_bounded_together(monkeypatch):
    monkeypatch.setattr(sse, "LONGEST_WITH_PICTURES", 100_000)
    source = Source(then=b"data: [" + b"x" * 1_000 + b"\n")
    _pieces, error = await collect(source)
    assert error.code == "answer_too_large"
    assert source.taken < 120_000


async def test_a_body_without_an_end_is_read_up_to_the_bound(monkeypatch):
    monkeypatch.setattr(reader, "MAX_BODY", 100_000)
    source = Source(b'{"choices": [', then=b"1," * 5_000)
    _pieces, error = await collect(source)
    assert error.code == "answer_too_long"
    assert source.taken < 120_000


async def test_white_space_without_an_end_is_not_collected():
    splitter = ThinkSplitter()
    for _time in range(1_000):
        assert splitter.feed("\n" * 100) == ("", "")
    assert len(splitter.end()[0] + splitter._held) <= 100


@pytest.mark.parametrize("size", [1, 7, 5_000])
async def test_text_is_kept_up_to_the_bound_exactly(size):
    source = Source(then=frame({"content": "ab" * size}))
    pieces, error = await collect(source, room=1_001)
    assert text_of(pieces) == ("ab" * 1_000)[:1_001]
    assert error.code == "answer_too_long"


async def test_reasoning_counts_as_text():
    pieces, error = await collect(Source(then=frame({"reasoning_content": "hm ", "content": "yes "})), room=10)
    assert ("".join(piece.reasoning for piece in pieces), text_of(pieces)) == ("hm hm ", "yes ")
    assert error.code == "answer_too_long"


async def test_a_bound_of_the_settings_holds_where_none_is_given(settings):
    settings.CHAT_ANSWER_MAX_CHARACTERS = 10
    pieces, error = await collect(Source(then=frame({"content": "word "})))
    assert (text_of(pieces), error.code) == ("word word ", "answer_too_long")


async def test_empty_frames_without_an_end_end_the_answer(monkeypatch):
    monkeypatch.setattr(reader, "MAX_FRAMES", 100)
    _pieces, error = await collect(Source(then=frame({})))
    assert error.code == "answer_too_long"


async def test_a_picture_in_the_text_without_an_end_ends_the_answer(monkeypatch):
    monkeypatch.setattr(reader, "MAX_PICTURE", 10_000)
    source = Source(frame({"content": "![a](data:image/png;base64,"}), then=frame({"content": "QUJD" * 100}))
    _pieces, error = await collect(source)
    assert error.code == "answer_too_long"


async def test_a_usage_object_is_kept_in_part_when_it_is_long():
    usage = {"total_tokens": 7, "notes": "x" * 100_000, **{str(number): number for number in range(1_000)}}
    pieces, _error = await collect(Source(frame({"content": "a"}, usage=usage), END))
    (kept,) = [piece.usage for piece in pieces if piece.usage]
    assert kept["total_tokens"] == 7
    assert len(kept) == 40
    assert "notes" not in kept


@pytest.mark.parametrize(
    "fragment",
    [
        {"index": 0, "function": {"name": "draw", "arguments": "x" * 100_000}},
        {"index": 0, "function": {"name": "draw"}, "extra_content": {"signature": "x" * 100_000}},
        {"index": None, "id": "", "function": {"name": "draw", "arguments": ""}},
    ],
)
def test_tool_calls_without_an_end_are_refused(fragment):
    calls_read = CallReader()

    def take_many():
        for _time in range(1_000):
            calls_read.take({"tool_calls": [fragment]})

    with pytest.raises(ProviderError, match="called tools with more") as refused:
        take_many()
    assert refused.value.code == "answer_too_long"
    assert len(calls_read.calls) <= calls.MAX_CALLS + 1


def test_reasoning_that_goes_back_with_calls_is_left_out_when_it_is_long():
    calls_read = CallReader()
    for _time in range(20):
        calls_read.take({"reasoning_content": "x" * 100_000, "reasoning_details": [{"type": "reasoning.text"}]})
    assert "reasoning_content" not in calls_read.message("")
    short = CallReader()
    for part in ("a", "b"):
        short.take({"reasoning_content": part, "reasoning_details": [part]})
    assert short.message("")["reasoning_content"] == "ab"
    assert short.message("")["reasoning_details"] == ["a", "b"]


# --- work -------------------------------------------------------------------------------------------------------------


def test_lines_of_data_are_parsed_once_each(monkeypatch):
    parsed = []
    parse = json_bodies.parse_response
    monkeypatch.setattr(json_bodies, "parse_response", lambda data: parsed.append(len(data)) or parse(data))
    splitter = sse.Splitter()
    sent = b"data: {\n" * 1_000
    splitter.feed(sent)
    assert sum(parsed) < len(sent)


def test_beginnings_of_pictures_are_looked_at_once_each(monkeypatch):
    looked = []
    may_begin = pictures._may_begin
    monkeypatch.setattr(pictures, "_may_begin", lambda text: looked.append(len(text)) or may_begin(text))
    text = "![" * 50_000
    splitter = InlinePictureSplitter()
    shown = splitter.feed(text) + splitter.end()
    assert "".join(shown) == text
    assert sum(looked) < 1_000_000


def test_the_search_for_json_tries_a_bounded_number_of_places(monkeypatch):
    tried = []

    class Decoder:
        def raw_decode(self, text, start):
            tried.append(start)
            raise ValueError

    monkeypatch.setattr("chat.answers.json_in_text._DECODER", Decoder())
    assert list(values("[" * 10_000)) == []
    assert len(tried) == 200


@pytest.mark.parametrize(
    ("chunk", "off_loop"),
    [
        (frame({"content": "a" * 1_000}), False),
        (frame({"content": "a" * 100_000}), True),
        (frame({"images": [{"image_url": {"url": "data:image/png;base64," + "QUJD" * 50_000}}]}), True),
        (json.dumps({"choices": [{"message": {"content": "a" * 100_000}}]}).encode(), True),
    ],
)
async def test_what_is_large_is_parsed_in_a_thread(monkeypatch, chunk, off_loop):
    threads = []
    parse = json_bodies.parse_response

    def noted(body, **options):
        if len(body) > 500:
            threads.append(threading.current_thread())
        return parse(body, **options)

    monkeypatch.setattr(json_bodies, "parse_response", noted)
    pieces, error = await collect(Source(chunk, *(() if chunk[:1] == b"{" else (END,))))
    assert error is None
    assert len(threads) == 1
    assert (threads[0] is not threading.current_thread()) == off_loop
    assert all(len(piece.content) <= reader.LONGEST_PIECE for piece in pieces)


async def test_what_came_before_an_error_in_a_large_frame_is_kept():
    large = frame({"content": "a" * 100_000})
    pieces, error = await collect(Source(large), room=waiting.LARGE)
    assert (len(text_of(pieces)), error.code) == (waiting.LARGE, "answer_too_long")
