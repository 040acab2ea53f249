"""The Responses API over chat completions, and the reverse: what is said, what is refused, and how streams end."""

from itertools import chain
from typing import Any

import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from providers.dialects.dialect import Dialect
from providers.dialects.table import TRANSLATIONS
from providers.dialects.translation import AskedModel, ClientRequest
from providers.errors import BadRequest, ProviderError
from providers.upstream import sse

TO_CHAT = TRANSLATIONS[Dialect.RESPONSES, Dialect.CHAT]
TO_RESPONSES = TRANSLATIONS[Dialect.CHAT, Dialect.RESPONSES]
SCHEMA = {"type": "object", "properties": {"word": {"type": "string"}}}
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def as_chat(**body: Any) -> dict[str, Any]:
    return TO_CHAT.request({"model": "m1", "input": "Why?", **body}, AskedModel("m1"))


def as_response(**body: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Why?"}]
    return TO_RESPONSES.request({"model": "m1", "messages": messages, **body}, AskedModel("m1"))


# --- responses → chat completions: requests ---------------------------------------------------------------------------


def test_what_both_can_say_is_said_in_a_chat() -> None:
    tool = {"type": "function", "name": "look_up", "description": "Looks up.", "parameters": SCHEMA, "strict": True}
    asked = as_chat(
        instructions="Be brief.", max_output_tokens=9, temperature=0.5, top_p=0.9, stream=True, user="u", store=True,
        tools=[tool], tool_choice={"type": "function", "name": "look_up"}, parallel_tool_calls=False,
        text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"}, include=["message.output_text.logprobs"], top_logprobs=2,
        metadata={"a": "b"}, prompt_cache_key="k", truncation="auto",
    )  # fmt: skip
    function = {name: value for name, value in tool.items() if name != "type"}
    assert asked == {
        "model": "m1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
        "temperature": 0.5, "top_p": 0.9, "user": "u", "max_completion_tokens": 9, "stream": True,
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "look_up"}}, "parallel_tool_calls": False,
        "verbosity": "low",
        "response_format": {
            "type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
        },
        "reasoning_effort": "low", "logprobs": True, "top_logprobs": 2,
    }  # fmt: skip


def test_items_become_messages_in_their_order() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}
    call = {"type": "function_call", "id": "fc_1", "name": "look_up", "arguments": "{}"}
    asked = as_chat(input=[
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Look."}, picture, file]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I do."}]},
        {**call, "call_id": "a"}, {**call, "call_id": "b"},
        {"type": "function_call_output", "call_id": "a", "output": "blue"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "grey"}, picture]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "Go on."},
    ])  # fmt: skip
    function = {"type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}
    assert asked["messages"] == [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "Look."}, shown,
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
        ]},
        {"role": "assistant", "content": "I do.", "tool_calls": [{"id": "a", **function}, {"id": "b", **function}]},
        {"role": "tool", "tool_call_id": "a", "content": "blue"},
        {"role": "tool", "tool_call_id": "b", "content": "grey"},
        {"role": "user", "content": [shown]},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "Go on."},
    ]  # fmt: skip


def test_allowed_tools_are_the_only_ones() -> None:
    tools = [{"type": "function", "name": name, "parameters": SCHEMA} for name in "ab"]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    asked = as_chat(tools=tools, tool_choice=allowed)
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["b"]
    assert asked["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("body", "param", "named"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation", "conversation"),
        ({"background": True}, "background", "background"),
        ({"prompt": {"id": "p"}}, "prompt", "prompt"),
        ({"tools": [{"type": "web_search"}]}, "tools", "web_search"),
        ({"tools": [{"type": "custom", "name": "a"}]}, "tools", "custom"),
        ({"tools": [{"type": "function"}]}, "tools", "name"),
        ({"tools": {"a": 1}}, "tools", "list"),
        ({"tools": [{"type": "function", "name": "a"}], "tool_choice": {"type": "mcp"}}, "tool_choice", "mcp"),
        ({"input": []}, "input", "input"),
        ({"input": 7}, "input", "input"),
        ({"input": ["text"]}, "input", "item"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input", "item_reference"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input", "web_search_call"),
        ({"input": [{"type": "function_call"}]}, "input", "call_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input", "input_image"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "f"}]}]}, "input", "input_file"),
        ({"input": [{"role": "user", "content": [{"type": "other"}]}]}, "input", "other"),
        ({"input": [{"role": "user", "content": [7]}]}, "input", "object"),
        ({"input": [{"role": "user", "content": None}]}, "input", "content"),
        ({"instructions": ["a"]}, "instructions", "instructions"),
        ({"text": {"format": {"type": "grammar"}}}, "text", "text.format"),
    ],
)  # fmt: skip
def test_what_a_chat_cannot_say_is_refused_by_name(body: Any, param: str, named: str) -> None:
    with pytest.raises(BadRequest) as refused:
        as_chat(**body)
    assert refused.value.param == param
    assert named in refused.value.message


# --- chat completions → responses: answers ----------------------------------------------------------------------------


def streamed(*deltas: Any, finish: Any = "stop", usage: Any = None, **body: Any) -> list[dict[str, Any]]:
    """The events that these deltas become, each of which the SDK knows."""
    stream = TO_CHAT.stream(ClientRequest({"model": "m1", "input": "Why?", **body}, "m1", 1))
    chunks: list[Any] = [{"id": "chatcmpl-x", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}] if finish else []
    chunks += [{"choices": [], "usage": usage}] if usage else []
    pieces = [piece for chunk in chunks for piece in stream.take("", orjson.dumps(chunk).decode())]
    pieces += [*stream.take("", "[DONE]"), *stream.end()]
    frames = sse.Splitter().feed(b"".join(pieces))
    events = [orjson.loads(frame.data) for frame in frames]
    assert [frame.event for frame in frames] == [event["type"] for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        EVENTS.validate_python(event)
    return events


def ends(stream: Any) -> Any:
    """The end of a stream, when it is asked for."""
    yield from stream.end()


def piece(index: Any, arguments: str = "", call_id: str = "", name: str = "") -> dict[str, Any]:
    call = {"index": index, "id": call_id or None, "function": {"name": name or None, "arguments": arguments}}
    return {"tool_calls": [{key: value for key, value in call.items() if value is not None}]}


def test_a_stream_has_every_event_in_its_order() -> None:
    events = streamed(
        {"role": "assistant", "content": ""}, {"reasoning_content": "Hm"}, {"reasoning": "."}, {"content": "So"},
        {"content": "."}, piece(0, "{", "a", "f"), piece(1, "", "b", "g"), piece(0, "}"), {"refusal": "No."},
        usage={"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3},
               "completion_tokens_details": {"reasoning_tokens": 2}},
    )  # fmt: skip
    named = [event["type"].removeprefix("response.") for event in events]
    assert named == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", *["reasoning_summary_text.delta"] * 2,
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", *["output_text.delta"] * 2, "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "output_item.added", "function_call_arguments.delta",
        "output_item.added", "content_part.added", "refusal.delta", "refusal.done", "content_part.done",
        "output_item.done",
        "function_call_arguments.done", "output_item.done",
        "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    whole = events[-1]["response"]
    assert [item["type"] for item in whole["output"]] == [
        "reasoning", "message", "function_call", "function_call", "message"
    ]  # fmt: skip
    assert [(item["call_id"], item["name"], item["arguments"]) for item in whole["output"][2:4]] == [
        ("a", "f", "{}"), ("b", "g", "{}")
    ]  # fmt: skip
    assert len({item["id"] for item in whole["output"]}) == 5
    by_index = {event["output_index"]: event["item"] for event in events if event["type"].endswith("output_item.done")}
    assert [by_index[index] for index in range(5)] == whole["output"]
    assert whole["usage"] == {
        "input_tokens": 9, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 13,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        ([piece(0, "1", "x", "f"), piece(0, "2", "y", "f")], [("x", "1"), ("y", "2")]),
        ([piece(None, "1", "x", "f"), piece(None, "2", "y", "f"), piece(None, "3")], [("x", "1"), ("y", "23")]),
        ([piece(0, "{}", "", "f")], [("call_0", "{}")]),
    ],
)
def test_calls_are_told_apart_without_their_index(deltas: Any, calls: Any) -> None:
    output = streamed(*deltas, finish="tool_calls")[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == calls


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_an_answer_ends_for_the_same_reason_whole_and_streamed(finish: str, status: str, reason: Any) -> None:
    request = ClientRequest({"model": "m1", "input": "Why?", "metadata": {"a": "b"}, "temperature": 0}, "m1", 1)
    message = {"content": "So.", "reasoning_content": "Hm."}
    value = {"id": "chatcmpl-x", "choices": [{"message": message, "finish_reason": finish}]}
    whole = TO_CHAT.answer(value, request)
    Response.model_validate(whole, strict=True)
    end = streamed({"reasoning_content": "Hm."}, {"content": "So."}, finish=finish, metadata={"a": "b"}, temperature=0)
    last = end[-1]["response"]
    assert end[-1]["type"] == f"response.{status}"
    for response in (whole, last):
        assert (response["status"], (response["incomplete_details"] or {}).get("reason")) == (status, reason)
        assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
        assert (response["metadata"], response["temperature"], response["store"]) == ({"a": "b"}, 0, False)


def test_an_empty_answer_is_a_message_all_the_same() -> None:
    for output in (
        streamed({"content": ""})[-1]["response"]["output"],
        TO_CHAT.answer({"choices": [{"message": {"content": None}}]}, ClientRequest({}, "m1", 1))["output"],
    ):
        assert [(item["type"], item["content"][0]["text"]) for item in output] == [("message", "")]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"error": {"message": "Busy.", "code": "overloaded"}}', "overloaded"),
        ('{"choices": [{"delta": {}, "finish_reason": "network_error"}]}', "ended_early"),
        ('{"choices": [{"delta": {"content": "a"}}]}', "cut_off"),
        ("no json", "cut_off"),
    ],
)
def test_a_chat_stream_without_a_proper_end_is_an_error(frame: str, code: str) -> None:
    stream = TO_CHAT.stream(ClientRequest({}, "m1", 1))
    with pytest.raises(ProviderError) as failed:
        list(chain(stream.take("", frame), ends(stream)))
    assert failed.value.code == code


# --- chat completions → responses: requests ---------------------------------------------------------------------------


def test_what_both_can_say_is_said_in_a_request_for_a_response() -> None:
    asked = as_response(
        max_completion_tokens=9, max_tokens=8, temperature=0.5, stream=True, reasoning_effort="low", verbosity="low",
        tools=[{"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}], parallel_tool_calls=True,
        tool_choice={"type": "function", "function": {"name": "look_up"}}, metadata={"a": "b"}, user="u",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
        stream_options={"include_usage": True}, seed=7, frequency_penalty=0.5, logprobs=True, top_logprobs=2, n=1,
    )  # fmt: skip
    assert asked == {
        "model": "m1", "input": [{"role": "user", "content": "Why?"}], "store": False,
        "temperature": 0.5, "parallel_tool_calls": True, "metadata": {"a": "b"}, "user": "u",
        "max_output_tokens": 9, "stream": True,
        "tools": [{"type": "function", "name": "look_up", "parameters": SCHEMA, "strict": False}],
        "tool_choice": {"type": "function", "name": "look_up"},
        "text": {
            "verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True},
        },
        "reasoning": {"effort": "low"}, "include": ["message.output_text.logprobs"], "top_logprobs": 2,
    }  # fmt: skip


def test_messages_become_items_in_their_order() -> None:
    url = "data:image/png;base64,AA"
    function = {"name": "look_up", "arguments": "{}"}
    asked = as_response(messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look."},
                                     {"type": "image_url", "image_url": {"url": url}},
                                     {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}]},
        {"role": "assistant", "content": "I do.", "tool_calls": [
            {"id": "a", "type": "function", "function": function}, {"id": "b", "function": {"name": "look_up"}},
        ]},
        {"role": "tool", "tool_call_id": "a", "content": "blue"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "grey"}]},
        {"role": "assistant", "content": None, "function_call": function},
        {"role": "function", "name": "look_up", "content": "red"},
    ])  # fmt: skip
    call = {"type": "function_call", **function}
    assert asked["input"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "input_text", "text": "Look."}, {"type": "input_image", "image_url": url, "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": url},
        ]},
        {"role": "assistant", "content": "I do."},
        {**call, "call_id": "a"}, {**call, "call_id": "b"},
        {"type": "function_call_output", "call_id": "a", "output": "blue"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "grey"}]},
        {**call, "call_id": "call_5"},
        {"type": "function_call_output", "call_id": "call_5", "output": "red"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "n"),
        ({"stop": ["END"]}, "stop"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"web_search_options": {"a": 1}}, "web_search_options"),
        ({"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"messages": [{"role": "other"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "other"}]}]}, "messages"),
    ],
)
def test_what_a_response_cannot_be_asked_is_refused(body: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        as_response(**body)
    assert refused.value.param == param


# --- responses → chat completions: answers ----------------------------------------------------------------------------


def test_thoughts_notes_and_refusals_come_along() -> None:
    note = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1}
    answer = TO_RESPONSES.answer(
        {
            "id": "resp_x", "created_at": 5.0, "model": "m", "status": "completed",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in "ab"]},
                {"type": "web_search_call", "id": "ws"},
                {"type": "message", "content": [{"type": "output_text", "text": "So.", "annotations": [note]},
                                                {"type": "refusal", "refusal": "No."}]},
            ],
            "usage": {"input_tokens": 9, "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 2}},
        },
        ClientRequest({}, "m1", 1),
    )  # fmt: skip
    (choice,) = answer["choices"]
    cited = {name: value for name, value in note.items() if name != "type"}
    assert choice["message"] == {
        "role": "assistant", "content": "So.", "refusal": "No.", "reasoning_content": "a\n\nb",
        "annotations": [{"type": "url_citation", "url_citation": cited}],
    }  # fmt: skip
    assert (answer["id"], answer["created"], choice["finish_reason"]) == ("chatcmpl-x", 5, "stop")
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"output": [], "status": "failed", "error": {"code": "server_error", "message": "Away."}}, "server_error"),
        ({"output": [], "status": "cancelled"}, "cancelled"),
        ({"output": [], "status": "incomplete", "incomplete_details": {"reason": "steered"}}, "ended_early"),
        ({"object": "list"}, "invalid_answer"),
    ],
)
def test_a_response_that_failed_is_an_error_whole_and_streamed(value: Any, code: str) -> None:
    with pytest.raises(ProviderError) as failed:
        TO_RESPONSES.answer(value, ClientRequest({}, "m1", 1))
    assert failed.value.code == code
    if "status" in value:
        stream = TO_RESPONSES.stream(ClientRequest({}, "m1", 1))
        event = {"type": f"response.{value['status']}", "response": value}
        with pytest.raises(ProviderError) as failed:
            list(stream.take("", orjson.dumps(event).decode()))
        assert failed.value.code == code


def test_an_error_of_a_stream_has_the_providers_words() -> None:
    stream = TO_RESPONSES.stream(ClientRequest({}, "m1", 1))
    with pytest.raises(ProviderError) as failed:
        list(
            stream.take("error", '{"type": "error", "code": "rate_limit_exceeded", "message": "Wait.", "param": null}')
        )
    assert (failed.value.code, failed.value.provider) == ("rate_limit_exceeded", "Wait.")


def test_what_comes_only_at_its_end_is_not_lost() -> None:
    """Some servers send no deltas."""
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    stream = TO_RESPONSES.stream(ClientRequest({}, "m1", 1))
    events: list[dict[str, Any]] = [
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "So."},
        {"type": "response.output_item.done", "output_index": 1, "item": call},
        {"type": "response.completed", "response": {"status": "completed"}},
    ]
    pieces = [piece for event in events for piece in stream.take("", orjson.dumps(event).decode())]
    frames = [frame for frame in sse.Splitter().feed(b"".join(pieces)) if not frame.is_done]
    deltas = [orjson.loads(frame.data)["choices"][0]["delta"] for frame in frames]
    assert [delta.get("content") for delta in deltas][:2] == ["", "So."]
    calls = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
    assert calls == [{"name": "f", "arguments": ""}, {"arguments": "{}"}]
