"""Requests in another form than the connection's: what is said, and what cannot be said, in both directions."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import tokens
from providers.dialects.chat_over_messages import requests as chat_over_messages
from providers.dialects.messages_over_chat import requests as messages_over_chat
from providers.dialects.table import TRANSLATIONS
from providers.dialects.translation import AskedModel
from providers.errors import BadRequest
from tests.providers.facts import JSON

MODEL = AskedModel("claude-sonnet-4-5-20250929")
HI = {"role": "user", "content": "hi"}
SAID_HI = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"word": "sky"}'}}
USE = {"type": "tool_use", "id": "c1", "name": "look", "input": {"word": "sky"}}
FUNCTION = {"type": "function", "function": {"name": "look"}}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}


def supports(*names: str) -> dict[str, Any]:
    return {name: {"supported": True} for name in names}


NEWEST = AskedModel("m", {"capabilities": {
    "thinking": {"supported": True, "types": supports("adaptive", "disabled")},
    "effort": {"supported": True, **supports("low", "medium", "high", "xhigh")},
}})  # fmt: skip


def asked(model: AskedModel = MODEL, messages: Any = None, **members: Any) -> dict[str, Any]:
    """What Anthropic is asked for a chat, beside the model, the limit and the messages where these are not the test."""
    body = chat_over_messages.translate({"model": "m", "messages": messages or [HI], **members}, model)
    assert body.pop("model") == "m"
    return body


@pytest.mark.parametrize(
    ("messages", "system", "turns"),
    [
        ([HI], None, [SAID_HI]),
        ([{"role": "system", "content": "A"}, HI, {"role": "developer", "content": [{"type": "text", "text": "B"}]}],
         "A\n\nB", [SAID_HI]),
        ([HI, {"role": "assistant", "content": None, "tool_calls": [CALL]},
          {"role": "tool", "tool_call_id": "c1", "content": "blue"}, HI], None,
         [SAID_HI,
          {"role": "assistant", "content": [USE]},
          {"role": "user", "content": [
              {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "blue"}]},
              {"type": "text", "text": "hi"}]}]),
        ([HI, {"role": "assistant", "content": "", "function_call": {"name": "look", "arguments": "no json"}},
          {"role": "function", "name": "look", "content": ""}], None,
         [SAID_HI,
          {"role": "assistant", "content": [
              {"type": "tool_use", "id": "call_1", "name": "look", "input": {"arguments": "no json"}}]},
          {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1"}]}]),
        ([HI, {"role": "assistant", "content": "The "}], None,
         [SAID_HI, {"role": "assistant", "content": [{"type": "text", "text": "The"}]}]),
        ([{"role": "user", "content": " "}, HI], None, [SAID_HI]),
        ([HI, {"role": "assistant", "content": "a", "reasoning_content": "unsigned", "reasoning_details": [
            {"type": "reasoning.text", "text": "t", "signature": "s"}, {"type": "reasoning.encrypted", "data": "d"}]}],
         None,
         [SAID_HI, {"role": "assistant", "content": [
             {"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
             {"type": "text", "text": "a"}]}]),
        ([{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}},
            {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}}]}], None,
         [{"role": "user", "content": [
             {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "AAAA"}},
             {"type": "image", "source": {"type": "url", "url": "https://pictures.example/a.png"}},
             {"type": "document", "title": "a.pdf",
              "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}}]}]),
    ],
)  # fmt: skip
def test_a_conversation_is_told_in_turns_of_blocks(messages: Any, system: Any, turns: Any) -> None:
    body = asked(messages=messages)
    assert (body.get("system"), body["messages"]) == (system, turns)


@pytest.mark.parametrize(
    ("members", "model", "expected"),
    [
        ({}, MODEL, {"max_tokens": 8192}),
        ({}, AskedModel("m", {"max_tokens": 4096}), {"max_tokens": 4096}),
        ({}, AskedModel("m", {"max_tokens": 128_000}), {"max_tokens": 32_000}),
        ({"max_tokens": 5, "max_completion_tokens": 7}, MODEL, {"max_tokens": 7}),
        ({"stop": ["a", " ", 7]}, MODEL, {"stop_sequences": ["a"]}),
        ({"temperature": 1.7, "top_p": 0.5, "top_k": 4}, MODEL, {"temperature": 1, "top_k": 4}),
        ({"top_p": 0.5}, MODEL, {"top_p": 0.5}),
        ({"temperature": 0.5}, AskedModel("claude-opus-4-8"), {}),
        ({"temperature": 0.5}, NEWEST, {}),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": 1}}}}, MODEL,
         {"output_config": {"format": {"type": "json_schema", "schema": {"a": 1}}}}),
        ({"response_format": {"type": "json_object"}}, MODEL, {"system": chat_over_messages.AS_JSON}),
        ({"seed": 7, "logprobs": True, "frequency_penalty": 1, "store": False, "n": 1}, MODEL, {}),
        ({"reasoning_effort": "low"}, MODEL,
         {"max_tokens": 8192 + 2048, "thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ({"reasoning_effort": "none"}, MODEL, {"thinking": {"type": "disabled"}}),
        ({"reasoning_effort": "max", "temperature": 0.5}, NEWEST,
         {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "xhigh"}}),
        ({"reasoning": {"effort": "minimal"}}, NEWEST,
         {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}}),
        ({"reasoning_effort": "high", "tools": [FUNCTION], "tool_choice": "required"}, MODEL,
         {"tools": [TOOL], "tool_choice": {"type": "any"}}),
        ({"reasoning_effort": "high"}, AskedModel("claude-3-opus-20240229"), {}),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "look"}}}, MODEL,
         {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}}),
        ({"functions": [{"name": "look"}], "function_call": "none"}, MODEL,
         {"tools": [TOOL], "tool_choice": {"type": "none"}}),
    ],
)  # fmt: skip
def test_parameters_are_told_as_the_model_takes_them(members: Any, model: AskedModel, expected: Any) -> None:
    body = asked(model, **members)
    assert body == {"max_tokens": body["max_tokens"], "messages": [SAID_HI], **expected}


def test_a_conversation_with_calls_names_their_tools_where_no_tools_are_offered() -> None:
    messages = [HI, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "x"}]
    body = asked(messages=messages, reasoning_effort="high")
    assert (body["tools"], body["tool_choice"]) == ([TOOL], {"type": "none"})
    assert "thinking" not in body  # it would have to begin before the call


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 2}, "n"),
        ({"messages": [{"role": "system", "content": "A"}]}, "messages"),
        ({"messages": [{"role": "poet", "content": "A"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "ftp://a"}]}]}, "messages"),
        ({"messages": [HI, {"role": "assistant", "tool_calls": [{"id": "1"}]}]}, "messages"),
        ({"tools": "look"}, "tools"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools"),
        ({"tools": [FUNCTION], "tool_choice": 7}, "tool_choice"),
    ],
)
def test_what_anthropics_form_cannot_say_is_refused_by_name(members: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(**members)
    assert refused.value.param == param


# --- the other direction ----------------------------------------------------------------------------------------------


def chat(reasons: bool = False, messages: Any = None, **members: Any) -> dict[str, Any]:
    body = {"model": "m", "max_tokens": 9, "messages": messages or [HI], **members}
    return messages_over_chat.translate(body, AskedModel("gpt-x", {}, reasons))


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([HI], [HI]),
        ([user({"type": "text", "text": "hi"})], [HI]),
        ([{"role": "system", "content": "A"}, HI], [{"role": "system", "content": "A"}, HI]),
        ([user({"type": "document", "title": "T", "source": {"type": "text", "data": "words"}})],
         [{"role": "user", "content": "T\n\nwords"}]),
        ([user({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}})],
         [user({"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"}})]),
        ([user({"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "found"}]})],
         [user({"type": "text", "text": "T\nS"}, {"type": "text", "text": "found"})]),
        ([user({"type": "image", "source": {"type": "url", "url": "https://a.example/b"}})],
         [user({"type": "image_url", "image_url": {"url": "https://a.example/b"}})]),
        ([HI, {"role": "assistant", "content": [
            {"type": "redacted_thinking", "data": "d"}, {"type": "text", "text": "a"}, {"type": "server_tool_use"}]}],
         [HI, {"role": "assistant", "content": "a"}]),
        ([HI, {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": ""}]}], [HI]),
        ([user({"type": "tool_result", "tool_use_id": "t", "is_error": True})],
         [{"role": "tool", "tool_call_id": "t", "content": "The tool failed."}]),
    ],
)  # fmt: skip
def test_blocks_are_told_as_messages(messages: Any, expected: Any) -> None:
    assert chat(messages=messages)["messages"] == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"top_k": 3, "metadata": {"user_id": "u"}, "top_p": 0.5}, {"top_p": 0.5}),
        ({"stream": True}, {"stream": True}),
        ({"tools": [{**TOOL, "description": "D"}], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
         {"tools": [{"type": "function", "function": {
             "name": "look", "description": "D", "parameters": TOOL["input_schema"]}}],
          "tool_choice": "required", "parallel_tool_calls": False}),
        ({"tool_choice": {"type": "auto"}}, {}),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"a": 1}}}},
         {"response_format": {"type": "json_schema", "json_schema": {
             "name": "answer", "schema": {"a": 1}, "strict": True}}}),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, {}),
        ({"reasons": True, "thinking": {"type": "enabled", "budget_tokens": 5000}}, {"reasoning_effort": "medium"}),
        ({"reasons": True, "output_config": {"effort": "max"}}, {"reasoning_effort": "high"}),
        ({"reasons": True, "thinking": {"type": "disabled"}}, {}),
    ],
)  # fmt: skip
def test_anthropics_parameters_are_told_as_openais(members: Any, expected: Any) -> None:
    assert chat(**members) == {"model": "m", "max_tokens": 9, "messages": [HI], **expected}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": [{"role": "user"}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        ({"messages": [user(7)]}, "messages"),
        ({"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]}, "messages"),
        ({"messages": [user({"type": "document", "source": {"type": "url", "url": "https://a.example"}})]}, "messages"),
        ({"messages": [user({"type": "container_upload"})]}, "messages"),
        ({"messages": [HI, {"role": "assistant", "content": [{"type": "tool_use"}]}]}, "messages"),
        ({"system": 7}, "system"),
        ({"system": [{"type": "text"}]}, "system"),
        ({"tools": {}, "mcp_servers": [{}]}, "mcp_servers"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools"),
        ({"tools": [{"name": "look"}]}, "tools"),
        ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice"),
    ],
)
def test_what_a_chat_completion_cannot_say_is_refused_by_name(members: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        chat(**members)
    assert refused.value.param == param


MEMBERS = (
    "system", "tools", "tool_choice", "stop", "stop_sequences", "thinking", "reasoning_effort", "output_config",
    "response_format", "functions", "function_call", "metadata", "user", "temperature", "max_tokens",
    "input", "instructions", "text", "reasoning", "include",
)  # fmt: skip
ITEMS = ("message", "function_call", "function_call_output")
BLOCK = st.dictionaries(
    st.sampled_from(("type", "text", "source", "content", "image_url", "id", "name", "input")), JSON
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(("system", "user", "assistant", "tool"))},
    optional={"content": JSON | st.lists(BLOCK | st.fixed_dictionaries({"type": st.sampled_from(("text", "tool_use",
              "tool_result", "image", "image_url", "file", "thinking")), "text": JSON, "source": JSON})),
              "tool_calls": JSON, "reasoning_details": JSON},
)  # fmt: skip


@given(st.lists(MESSAGE, min_size=1, max_size=4), st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_odd_requests_are_translated_or_refused_and_nothing_else(messages: Any, members: Any) -> None:
    items = [{**message, "type": kind} for message in messages for kind in ITEMS]
    body = {"input": items, **members, "model": "m", "messages": messages}
    for row in TRANSLATIONS.values():
        for model in (MODEL, NEWEST):
            with suppress(BadRequest):
                asked = row.request(body, model)
                assert isinstance(asked.get("messages", asked.get("input")), list)
    assert tokens.estimate(body) >= 4


def test_pictures_count_by_number_in_the_estimate_and_not_by_their_bytes() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}}
    text = {"type": "text", "text": "x" * 400}
    alone = tokens.estimate({"messages": [user(text)]})
    assert 100 < alone < 130
    assert tokens.estimate({"messages": [user(text, picture)]}) == alone + tokens.PICTURE
