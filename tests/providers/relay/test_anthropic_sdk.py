"""Anthropic's SDK as client: over a connection of its kind unchanged, over OpenAI's translated; and the reverse."""

import asyncio
import json
from contextlib import closing
from typing import Any

import anthropic
import openai
import pytest

from providers.models import UsageRecord
from providers.relay import usage
from tests import people
from tests.upstream import DROP, Reply
from tests.upstream import anthropic as ours
from tests.upstream import openai as oai

ASKED: Any = {"model": "m1", "max_tokens": 64, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
TOOL: Any = {
    "name": "look_up",
    "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
}
CALLS = [{"name": "look_up", "input": {"word": "sky"}}, {"name": "look_up", "input": {}}]
CHAT: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture(params=["lane", "view"])
def base(request, site):
    return site.url if request.param == "lane" else site.views_url


@pytest.fixture
def client(base, api_key):
    with anthropic.Anthropic(base_url=base, api_key=api_key, max_retries=0) as client:
        yield client


@pytest.fixture
def native(connection):
    connection.kind = "anthropic"
    connection.save()
    return connection


@pytest.fixture
def directly(upstream):
    with anthropic.Anthropic(base_url=upstream.origin, api_key="upstream-key", max_retries=0) as client:
        yield client


# --- a connection of its own kind: unchanged --------------------------------------------------------------------------

REQUESTS = {
    "plain": {},
    "system and sampling": {
        "system": [{"type": "text", "text": "Be brief."}],
        "extra_body": {"temperature": 0.1, "top_k": 3},
    },
    "a stream": {"stream": True},
    "tools": {"tools": [TOOL], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
    "thinking": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048},
}


@pytest.mark.parametrize("asked", REQUESTS.values(), ids=REQUESTS)
def test_provider_and_client_get_the_bytes_that_they_would_directly(client, native, directly, upstream, asked):
    said = ours.message("Because of Rayleigh.", thinking="Light.", tools=CALLS)
    upstream.script(said, said)
    answers = []
    for one in (client, directly):
        with one.messages.with_streaming_response.create(
            **{**ASKED, **asked}, extra_headers={"anthropic-beta": "b-1"}
        ) as answer:
            answers.append((answer.status_code, b"".join(answer.iter_bytes()), answer.headers["request-id"]))
    assert answers[0] == answers[1]
    through, direct = upstream.history[-2:]
    assert (through.body, through.raw_path) == (direct.body, direct.raw_path)
    for name in ("x-api-key", "anthropic-version", "anthropic-beta", "content-type"):
        assert through.headers.getall(name) == ([native.secret] if name == "x-api-key" else direct.headers.getall(name))


def test_usage_counts_what_was_cached_too(client, native, upstream):
    client.messages.create(**ASKED)
    list(client.messages.create(**ASKED, stream=True))
    usage.flush()
    rows = UsageRecord.objects.filter(kind="messages", connection=native).values_list("tokens_in", "tokens_out")
    assert list(rows) == [(12 + 30 + 10, 8)] * 2


def test_tokens_are_counted_by_a_server_that_does_and_estimated_else(client, connection, upstream):
    messages: Any = [{"role": "user", "content": "hello " * 400}]
    estimated = client.messages.count_tokens(model="m1", messages=messages)
    assert 500 < estimated.input_tokens < 700
    assert upstream.history == []
    connection.kind = "anthropic"
    connection.save()
    assert client.messages.count_tokens(model="m1", messages=messages).input_tokens == 404
    assert upstream.last.path == "/v1/messages/count_tokens"


# --- OpenAI's connections: translated ---------------------------------------------------------------------------------


def test_a_chat_completion_comes_back_as_a_message(client, connection, upstream):
    counts = {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}}
    upstream.answer("Because of Rayleigh.", usage=counts)
    answer = client.messages.create(
        **ASKED, system="Be brief.", stop_sequences=["END"], extra_body={"temperature": 0.5}
    )
    assert [(block.type, block.text) for block in answer.content] == [("text", "Because of Rayleigh.")]
    assert (answer.model, answer.stop_reason, answer.role) == ("m1", "end_turn", "assistant")
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (7, 5, 3)
    assert upstream.last.json == {
        "model": "m1", "max_tokens": 64, "messages": CHAT, "stop": ["END"], "temperature": 0.5,
    }  # fmt: skip
    assert upstream.last.path == "/v1/chat/completions"


def test_a_stream_has_every_event_in_its_order(client, connection, upstream):
    upstream.answer(
        "Because of", reasoning="Light.", tool_calls=[{"name": "look_up", "arguments": {"word": "sky"}}] * 2
    )
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    events = list(client.messages.create(**{**ASKED, "max_tokens": 2048}, tools=[TOOL], thinking=thinking, stream=True))
    kinds = [event.type for event in events]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert kinds == [
        "message_start", *block, block[0], block[1], *block[1:], block[0], block[1], *block[1:], *block,
        "message_delta", "message_stop",
    ]  # fmt: skip
    starts = [event for event in events if event.type == "content_block_start"]
    assert [(event.index, event.content_block.type) for event in starts] == [
        (0, "thinking"), (1, "text"), (2, "tool_use"), (3, "tool_use"),
    ]  # fmt: skip
    assert (events[-2].delta.stop_reason, events[-2].usage.output_tokens) == ("tool_use", 3)
    assert upstream.last.json["stream_options"] == {"include_usage": True}


def test_the_sdks_own_reader_puts_a_stream_together(client, connection, upstream):
    calls = [
        {"id": f"call_{number}", "name": "look_up", "arguments": {"word": word}} for number, word in enumerate("ab")
    ]
    upstream.answer("Let me see.", tool_calls=calls)
    with client.messages.stream(**ASKED, tools=[TOOL]) as stream:
        said = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert said == "Let me see."
    used = [(block.id, block.input) for block in message.content if block.type == "tool_use"]
    assert used == [("call_0", {"word": "a"}), ("call_1", {"word": "b"})]


def test_results_of_tools_and_pictures_go_to_the_provider(client, connection, upstream):
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    uses = [{"type": "tool_use", "id": f"t{number}", "name": "look_up", "input": {"word": "sky"}} for number in (1, 2)]
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "blue"}, picture]},
        {"type": "tool_result", "tool_use_id": "t2", "content": "grey", "is_error": True},
    ]
    client.messages.create(
        model="m1", max_tokens=9, tools=[TOOL], tool_choice={"type": "tool", "name": "look_up"},
        messages=[
            {"role": "user", "content": "Look it up."},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, *uses]},
            {"role": "user", "content": [*results, {"type": "text", "text": "And?"}]},
        ],
    )  # fmt: skip
    url = {"url": "data:image/png;base64,AAAA"}
    call = {"type": "function", "function": {"name": "look_up", "arguments": '{"word":"sky"}'}}
    assert upstream.last.json["messages"] == [
        {"role": "user", "content": "Look it up."},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "t1", **call}, {"id": "t2", **call}]},
        {"role": "tool", "tool_call_id": "t1", "content": "blue"},
        {"role": "tool", "tool_call_id": "t2", "content": "grey"},
        {"role": "user", "content": [{"type": "image_url", "image_url": url}, {"type": "text", "text": "And?"}]},
    ]
    assert upstream.last.json["tool_choice"] == {"type": "function", "function": {"name": "look_up"}}
    function = upstream.last.json["tools"][0]["function"]
    assert function["parameters"] == TOOL["input_schema"]


def test_the_asynchronous_sdk_is_served_alike(site, connection, api_key, upstream):
    upstream.script(oai.chat("Because."), oai.chat("Because."), path="/chat/completions")

    async def ask() -> tuple[str, str]:
        async with anthropic.AsyncAnthropic(base_url=site.url, auth_token=api_key, max_retries=0) as client:
            whole = await client.messages.create(**ASKED)
            async with client.messages.stream(**ASKED) as stream:
                return whole.content[0].text, await stream.get_final_text()

    assert asyncio.run(ask()) == ("Because.", "Because.")


# --- errors -----------------------------------------------------------------------------------------------------------


def error_of(raised: Any) -> tuple[str, str]:
    body = raised.value.body
    assert body.keys() == {"type", "error"}
    assert body["type"] == "error"
    return body["error"]["type"], body["error"]["message"]


def test_errors_of_this_site_are_in_their_shape(client, connection, upstream):
    stranger = client.with_options(api_key="sk-wrong")
    with pytest.raises(anthropic.AuthenticationError) as raised:
        stranger.messages.create(**ASKED)
    assert error_of(raised) == ("authentication_error", "Incorrect API key provided.")
    with pytest.raises(anthropic.NotFoundError) as raised:
        client.messages.create(**{**ASKED, "model": "foreign"})
    assert error_of(raised)[0] == "not_found_error"
    with pytest.raises(anthropic.BadRequestError) as raised:
        client.messages.create(**{**ASKED, "messages": []})
    assert error_of(raised) == ("invalid_request_error", "“messages” must be a list with at least one message.")
    upstream.stop()
    with pytest.raises(anthropic.InternalServerError) as raised:
        client.messages.create(**ASKED)
    assert (raised.value.status_code, error_of(raised)[0]) == (502, "api_error")


def test_a_providers_errors_are_told_in_the_shape_of_the_request(client, connection, upstream):
    upstream.script(oai.error(429, "Slow down.", code="rate_limit_exceeded", headers={"Retry-After": "7"}))
    with pytest.raises(anthropic.RateLimitError) as raised:
        client.messages.create(**ASKED)
    assert error_of(raised) == ("rate_limit_error", "Slow down.")
    assert raised.value.response.headers["retry-after"] == "7"
    upstream.answer("one two", after={1: oai.error_frame("Overloaded.")})
    with pytest.raises(anthropic.APIStatusError) as raised:
        list(client.messages.create(**ASKED, stream=True))
    assert error_of(raised)[0] == "api_error"
    assert "Overloaded." in error_of(raised)[1]


@pytest.mark.parametrize("cut", [{"done": False, "finish": None}, {"after": {1: DROP}}], ids=["ended", "dropped"])
def test_a_stream_that_breaks_off_ends_in_an_error(client, connection, upstream, cut):
    upstream.answer("one two", **cut)
    with pytest.raises(anthropic.APIStatusError) as raised:
        list(client.messages.create(**ASKED, stream=True))
    assert error_of(raised)[0] == "api_error"


def test_a_native_stream_that_breaks_off_ends_in_an_error_of_its_shape(client, native, upstream):
    upstream.script(ours.message("one two", after={1: DROP}))
    with pytest.raises(anthropic.APIStatusError) as raised:
        list(client.messages.create(**ASKED, stream=True))
    assert error_of(raised)[0] == "api_error"


# --- OpenAI's SDK over an Anthropic connection ------------------------------------------------------------------------


@pytest.fixture
def chats(base, native, api_key):
    with openai.OpenAI(base_url=f"{base}/v1", api_key=api_key, max_retries=0) as client:
        yield client.chat.completions


def test_a_message_comes_back_as_a_chat_completion(chats, upstream):
    upstream.script(ours.message("Because.", thinking="Light.", tools=CALLS))
    answer = chats.create(model="m1", messages=CHAT, stop="END", temperature=1.5, user="u-1", tools=[
        {"type": "function", "function": {"name": "look_up", "parameters": TOOL["input_schema"]}}
    ], parallel_tool_calls=False)  # fmt: skip
    message = answer.choices[0].message
    assert (message.content, message.reasoning_content) == ("Because.", "Light.")
    assert [(call.id, call.function.arguments) for call in message.tool_calls] == [
        ("toolu_0", '{"word":"sky"}'), ("toolu_1", "{}"),
    ]  # fmt: skip
    assert answer.choices[0].finish_reason == "tool_calls"
    counts = answer.usage
    assert (counts.prompt_tokens, counts.completion_tokens, counts.prompt_tokens_details.cached_tokens) == (52, 2, 30)
    assert upstream.last.json == {
        "model": "m1", "max_tokens": 8192, "system": "Be brief.", "stop_sequences": ["END"], "temperature": 1,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Why is the sky blue?"}]}],
        "tools": [{"name": "look_up", "input_schema": TOOL["input_schema"]}], "metadata": {"user_id": "u-1"},
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    }  # fmt: skip


def test_a_stream_of_events_comes_back_as_chunks(chats, upstream):
    upstream.script(ours.message("Because of Rayleigh.", thinking="Light.", tools=CALLS))
    chunks = list(chats.create(model="m1", messages=CHAT, stream=True, stream_options={"include_usage": True}))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Because of Rayleigh."
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "Light."
    calls: dict[int, str] = {}
    for delta in deltas:
        for call in delta.tool_calls or ():
            calls[call.index] = calls.get(call.index, "") + call.function.arguments
    assert {index: json.loads(text) for index, text in calls.items()} == {0: {"word": "sky"}, 1: {}}
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (52, 4)


def test_anthropics_errors_are_told_to_openais_clients(chats, upstream):
    upstream.script(ours.error(400, "invalid_request_error", "max_tokens: too many"))
    with pytest.raises(openai.BadRequestError) as refused:
        chats.create(model="m1", messages=CHAT)
    assert (refused.value.body["message"], refused.value.type) == ("max_tokens: too many", "invalid_request_error")
    upstream.script(ours.message("one two", after={1: ours.error_event("overloaded_error", "Busy.")}))
    with pytest.raises(openai.APIError, match="Busy"):
        list(chats.create(model="m1", messages=CHAT, stream=True))
    upstream.script(Reply(200, {"Content-Type": "application/json"}, b'{"content": 3}'))
    with pytest.raises(openai.APIStatusError, match="not a message"):
        chats.create(model="m1", messages=CHAT)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_says_how_much_a_model_may_write(site, native, api_key, upstream):
    from providers.catalogue import discovery

    upstream.anthropic.models = [{"id": "claude-x", "max_tokens": 64_000}]
    discovery.refresh_one(native)
    with closing(site.session(key=api_key)) as session:
        listed = session.get(f"{site.url}/v1/models").json()["data"]
        assert [(model["id"], model["name"]) for model in listed] == [("claude-x", "Claude-X")]
        asked = {"model": "claude-x", "messages": CHAT}
        assert session.post(f"{site.url}/v1/chat/completions", json=asked).status_code == 200
    assert upstream.last.json["max_tokens"] == 32_000


# --- the list of models -----------------------------------------------------------------------------------------------


def test_models_are_listed_in_pages_as_anthropic_does(client, connection, upstream, alice):
    people.make_connection(upstream.url, "m2", "m3", name="Second", position=1)
    people.make_connection(upstream.url, "m4", name="Closed", position=2, access="private")
    first = client.models.list(limit=2)
    assert ([model.id for model in first.data], first.has_more, first.first_id, first.last_id) == (
        ["m1", "m2"], True, "m1", "m2"
    )  # fmt: skip
    assert [model.id for model in first] == ["m1", "m2", "m3"]
    before = client.models.list(before_id="m3", limit=1)
    assert ([model.id for model in before.data], before.has_more) == (["m2"], True)
    assert [model.id for model in before] == ["m2", "m1"]
    model = client.models.retrieve("m1")
    assert (model.type, model.id, model.display_name) == ("model", "m1", "m1")
    assert model.created_at.tzinfo is not None


def test_its_errors_of_models_are_in_its_shape(client, connection, base):
    for ask in (lambda: client.models.retrieve("m9"), lambda: client.models.list(after_id="m9")):
        with pytest.raises(anthropic.APIStatusError) as refused:
            ask()
        assert refused.value.body["type"] == "error"
    assert refused.value.status_code == 400
    stranger = anthropic.Anthropic(base_url=base, api_key="sk-wrong", max_retries=0)
    with stranger, pytest.raises(anthropic.AuthenticationError) as unknown:
        stranger.models.list()
    assert unknown.value.body["error"]["type"] == "authentication_error"
