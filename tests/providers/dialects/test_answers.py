"""Answers in another form than the connection's, whole and as streams, in both directions."""

from collections.abc import Iterable
from typing import Any

import orjson
import pytest

from providers.dialects.chat_over_messages import answers as chat_answers
from providers.dialects.chat_over_messages import thinking
from providers.dialects.messages_over_chat import answers as message_answers
from providers.dialects.translation import ClientRequest
from providers.errors import ProviderError
from providers.upstream import sse

THINKING = {"thinking": {"type": "adaptive"}}


def exchange(**asked: Any) -> ClientRequest:
    return ClientRequest(asked, "public", 1_795_000_000)


def frames_of(pieces: Iterable[bytes]) -> list[Any]:
    splitter = sse.Splitter()
    frames = splitter.feed(b"".join(pieces))
    return [frame.data if frame.is_done else orjson.loads(frame.data) for frame in frames]


# --- chat completions → messages --------------------------------------------------------------------------------------


def events(*deltas: Any, finish: Any = "stop", usage: Any = None, done: bool = True, **asked: Any) -> list[Any]:
    """The events that these deltas become."""
    stream = message_answers.MessageStream(exchange(**asked))
    chunks: list[Any] = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}] if finish else []
    chunks += [{"choices": [], "usage": usage}] if usage else []
    pieces = [piece for chunk in chunks for piece in stream.take("", orjson.dumps(chunk).decode())]
    pieces += stream.take("", "[DONE]") if done else ()
    return frames_of([*pieces, *stream.end()])


def blocks(given: list[Any]) -> list[tuple[str, str]]:
    """Type and content of each block, put together from its events in their order."""
    found: list[tuple[str, str]] = []
    for event in given:
        if event["type"] == "content_block_start":
            assert event["index"] == len(found)
            block = event["content_block"]
            found.append((f"{block['type']} {block['id']}" if block["type"] == "tool_use" else block["type"], ""))
        if event["type"] == "content_block_delta":
            assert event["index"] == len(found) - 1
            (text,) = [value for name, value in event["delta"].items() if name != "type"]
            found[-1] = (found[-1][0], found[-1][1] + text)
    return found


def piece(index: Any, arguments: str = "", call_id: str = "", name: str = "") -> dict[str, Any]:
    call: dict[str, Any] = {"function": {"arguments": arguments, **({"name": name} if name else {})}}
    return {
        "tool_calls": [{**call, **({"id": call_id} if call_id else {}), **({} if index is None else {"index": index})}]
    }


@pytest.mark.parametrize(
    ("deltas", "asked", "expected"),
    [
        ([{"content": "a"}, {"content": "b"}], {}, [("text", "ab")]),
        ([{"reasoning_content": "t"}, {"reasoning": "u"}, {"content": "a"}], THINKING,
         [("thinking", "tu"), ("text", "a")]),
        ([{"reasoning_content": "t"}, {"content": "a"}], {}, [("text", "a")]),
        ([{"refusal": "No."}], {}, [("text", "No.")]),
        ([{"content": "a"}, piece(0, "{", "x", "f"), piece(0, "}")], {}, [("text", "a"), ("tool_use x", "{}")]),
        ([piece(0, "1", "x", "f"), piece(1, "3", "y", "f"), piece(0, "2"), piece(1, "4"), {"content": "late"}], {},
         [("tool_use x", "12"), ("tool_use y", "34"), ("text", "late")]),
        ([piece(0, "1", "x", "f"), piece(0, "2", "y", "f")], {}, [("tool_use x", "1"), ("tool_use y", "2")]),
        ([piece(None, "1", "x", "f"), piece(None, "2", "y", "f"), piece(None, "3")], {},
         [("tool_use x", "1"), ("tool_use y", "23")]),
        ([piece(0, "{}", "", "f")], {}, [("tool_use call_0", "{}")]),
    ],
)  # fmt: skip
def test_deltas_become_blocks_one_after_the_other(deltas: Any, asked: Any, expected: Any) -> None:
    given = events(*deltas, **asked)
    assert blocks(given) == expected
    kinds = [event["type"] for event in given if event["type"] != "ping"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == len(expected)
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])


@pytest.mark.parametrize(
    ("finish", "deltas", "reason"),
    [
        ("stop", [], "end_turn"),
        ("length", [], "max_tokens"),
        ("tool_calls", [], "tool_use"),
        ("content_filter", [], "refusal"),
        ("stop", [piece(0, "{}", "x", "f")], "tool_use"),
    ],
)
def test_a_stream_ends_for_the_reason_in_anthropics_word(finish: str, deltas: Any, reason: str) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    (ending,) = [event for event in events({"content": "a"}, *deltas, finish=finish, usage=usage)
                 if event["type"] == "message_delta"]  # fmt: skip
    assert ending["delta"] == {"stop_reason": reason, "stop_sequence": None}
    assert ending["usage"] == {
        "input_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2, "output_tokens": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"error": {"message": "Busy.", "code": "overloaded"}}', "overloaded"),
        ('{"error": "Busy."}', "provider_error"),
        ('{"choices": [{"delta": {}, "finish_reason": "network_error"}]}', "ended_early"),
        ('{"choices": [{"delta": {"content": "a"}}]}', "cut_off"),
        ("no json", "cut_off"),
        ('{"choices": 7}', "cut_off"),
    ],
)
def test_a_stream_without_a_proper_end_is_an_error(frame: str, code: str) -> None:
    stream = message_answers.MessageStream(exchange())
    with pytest.raises(ProviderError) as raised:
        frames_of([*stream.take("", frame), *stream.end()])
    assert raised.value.code == code


def test_calls_that_wait_have_a_bound() -> None:
    with pytest.raises(ProviderError, match="too long"):
        events(piece(0, "1", "x", "f"), piece(1, "2" * (message_answers.MOST_HELD + 1), "y", "f"))


@pytest.mark.parametrize("value", [7, [], {}, {"choices": []}, {"choices": [7]}, {"choices": [{"message": 7}]}])
def test_what_is_no_chat_completion_is_an_error(value: Any) -> None:
    with pytest.raises(ProviderError, match="not a chat completion"):
        message_answers.answer(value, exchange())


def test_a_whole_chat_completion_becomes_a_message() -> None:
    message = {
        "content": [{"type": "text", "text": "a"}],
        "reasoning": "t",
        "tool_calls": [
            {"id": "x", "function": {"name": "f", "arguments": '{"a": 1}'}},
            {"function": {"name": "g", "arguments": "no"}},
        ],
    }
    value = {"id": "c-1", "choices": [{"message": message, "finish_reason": "stop"}], "usage": None}  # fmt: skip
    given = message_answers.answer(value, exchange(**THINKING))
    assert (given["id"], given["model"], given["stop_reason"]) == ("msg_c-1", "public", "tool_use")
    assert given["content"] == [
        {"type": "thinking", "thinking": "t", "signature": ""},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "x", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "call_1", "name": "g", "input": {"arguments": "no"}},
    ]


# --- messages → chat completions --------------------------------------------------------------------------------------


def chunks(*given: Any, **asked: Any) -> list[Any]:
    stream = chat_answers.ChatStream(exchange(**asked))
    pieces = [piece for event in given for piece in stream.take("", orjson.dumps(event).decode())]
    return frames_of([*pieces, *stream.end()])


START = {
    "type": "message_start",
    "message": {"id": "m", "model": "c", "usage": {"input_tokens": 5, "output_tokens": 1}},
}


def ending(reason: str = "end_turn") -> list[Any]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}},
            {"type": "message_stop"}]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("pause_turn", "stop"), ("new_one", "stop"),
        ("max_tokens", "length"), ("model_context_window_exceeded", "length"), ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ],
)  # fmt: skip
def test_a_stream_of_events_ends_for_the_reason_in_openais_word(reason: str, finish: str) -> None:
    given = chunks(START, *ending(reason), stream_options={"include_usage": True})
    assert given[-1] == "[DONE]"
    assert given[-3]["choices"][0]["finish_reason"] == finish
    assert (given[-2]["choices"], given[-2]["usage"]["total_tokens"]) == ([], 12)
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in given[:-1]} == {("m", "c", 1_795_000_000)}
    assert not any("usage" in chunk for chunk in chunks(START, *ending(reason))[:-1])


def test_blocks_become_deltas() -> None:
    def block(index: int, start: Any, *deltas: Any) -> list[Any]:
        return [{"type": "content_block_start", "index": index, "content_block": start},
                *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
                {"type": "content_block_stop", "index": index}]  # fmt: skip

    given = chunks(
        START,
        *block(0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "t"},
               {"type": "signature_delta", "signature": "s"}),
        *block(9, {"type": "redacted_thinking", "data": "d"}),
        *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"}, {"type": "citations_delta"}),
        *block(2, {"type": "server_tool_use", "id": "s", "name": "web_search"},
               {"type": "input_json_delta", "partial_json": "{}"}),
        *block(3, {"type": "tool_use", "id": "x", "name": "f", "input": {}},
               {"type": "input_json_delta", "partial_json": ""},
               {"type": "input_json_delta", "partial_json": '{"a":1}'}),
        *block(4, {"type": "tool_use", "id": "y", "name": "g", "input": {}}),
        *ending("tool_use"),
    )  # fmt: skip
    deltas = [chunk["choices"][0]["delta"] for chunk in given[:-1]]
    function = {"type": "function"}
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "t", "reasoning_details": [{"type": "reasoning.text", "text": "t", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "s", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "index": 9}]},
        {"content": "a"},
        {"tool_calls": [{"index": 0, "id": "x", **function, "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]},
        {"tool_calls": [{"index": 1, "id": "y", **function, "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]  # fmt: skip


def test_events_that_nobody_knows_and_odd_ones_say_nothing() -> None:
    unknown = {"type": "input_json_delta", "partial_json": "x"}
    odd = [
        {"type": "new_event"},
        {"type": "content_block_delta", "index": 7, "delta": unknown},
        {"type": "content_block_start"},
        {"type": "content_block_delta", "delta": 7},
        7,
        [],
    ]
    assert len(chunks(START, *odd, *ending())) == 3
    assert list(chat_answers.ChatStream(exchange()).take("ping", '{"type": "ping"}')) == [b": ping\n\n"]


@pytest.mark.parametrize(
    ("kind", "status", "passes"),
    [
        ("overloaded_error", 529, True), ("rate_limit_error", 429, True), ("invalid_request_error", 400, False),
        ("api_error", 502, True), ("", 502, True),
    ],
)  # fmt: skip
def test_an_error_in_the_stream_is_raised_with_its_words(kind: str, status: int, passes: bool) -> None:
    with pytest.raises(ProviderError) as raised:
        chunks(START, {"type": "error", "error": {"type": kind, "message": "Busy."}})
    error = raised.value
    assert (error.status, error.retryable, error.provider) == (status, passes, "Busy.")


def test_a_stream_of_events_that_was_cut_off_is_an_error() -> None:
    with pytest.raises(ProviderError) as raised:
        chunks(START)
    assert raised.value.code == "cut_off"
    assert chunks(START, ending()[0])[-1] == "[DONE]"  # a server that leaves the last event out


def test_signed_and_hidden_thoughts_can_go_back() -> None:
    content = [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]
    given = chat_answers.answer({"id": "m", "content": content, "stop_reason": "end_turn"}, exchange())
    message = given["choices"][0]["message"]
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "t", "signature": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "d", "index": 1},
    ]
    assert (message["content"], given["usage"]["total_tokens"]) == ("", 0)


def test_thoughts_of_a_stream_go_back_as_the_blocks_that_they_were() -> None:
    parts = [thinking.part("a", 0), thinking.part("b", 0), thinking.signed("", "s", 0), thinking.encrypted("d", 1),
             thinking.part("unsigned", 2), thinking.signed("c", "t", 3)]  # fmt: skip
    assert thinking.blocks_of(parts) == [
        {"type": "thinking", "thinking": "ab", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "thinking", "thinking": "c", "signature": "t"},
    ]
