"""OpenAI's SDK over connections that speak one of its two forms only, and Anthropic's over the newer one."""

import asyncio
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from providers.models import Connection
from tests import people
from tests.chat.talk import Talker
from tests.providers.relay.test_usage import records
from tests.upstream import DROP
from tests.upstream import openai as oai
from tests.upstream.openai.responses import respond

MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?"}]
SCHEMA: Any = {"type": "object", "properties": {"word": {"type": "string"}}}
FUNCTION: Any = {"type": "function", "name": "look_up", "parameters": SCHEMA, "strict": False}
TOOL: Any = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
CALLS: Any = [{"id": f"call_{word}", "name": "look_up", "arguments": {"word": word}} for word in "ab"]
ITEMS: Any = [
    {"type": "function_call", "id": f"fc_{word}", "call_id": f"call_{word}", "name": "look_up", "status": "completed",
     "arguments": f'{{"word": "{word}"}}'}
    for word in "ab"
]  # fmt: skip


class Word(BaseModel):
    word: str


@pytest.fixture(params=["lane", "view"])
def client(request, site, connection, api_key):
    return site.openai(api_key, views=request.param == "view")


def speak(connection: Any, speaks: str) -> None:
    connection.speaks = speaks
    connection.save()


# --- the Responses API over chat completions --------------------------------------------------------------------------


@pytest.fixture
def chats_only(connection):
    speak(connection, "chat")
    return connection


def test_a_chat_comes_back_as_a_response(client, chats_only, upstream):
    upstream.answer("Because of Rayleigh.", reasoning="Light.")
    answer = client.responses.create(model="m1", instructions="Be brief.", input="Why?", max_output_tokens=64)
    assert (answer.output_text, answer.status, answer.model) == ("Because of Rayleigh.", "completed", "m1")
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert (answer.usage.output_tokens, answer.usage.output_tokens_details.reasoning_tokens) == (4, 1)
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    assert upstream.last.json == {"model": "m1", "messages": asked, "max_tokens": 64}
    assert upstream.last.path == "/v1/chat/completions"
    with pytest.raises(openai.NotFoundError):  # it is kept nowhere
        client.responses.retrieve(answer.id)
    (record,) = [row for row in records() if row.status == 200]
    assert (record.tokens_out, record.connection, "translation" in record.rewrites) == (4, chats_only, True)


def test_the_sdks_reader_puts_a_stream_of_parallel_calls_together(client, chats_only, upstream):
    upstream.answer("Let me see.", tool_calls=CALLS)
    with client.responses.stream(model="m1", input="Why?", tools=[FUNCTION]) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        whole = stream.get_final_response()
    assert "".join(deltas) == whole.output_text == "Let me see."
    calls = [(item.call_id, item.arguments) for item in whole.output if item.type == "function_call"]
    assert calls == [("call_a", '{"word": "a"}'), ("call_b", '{"word": "b"}')]
    assert upstream.last.json["stream_options"] == {"include_usage": True}
    assert whole.usage.output_tokens == 3
    upstream.answer("Blue.")
    results: Any = [{"type": "function_call_output", "call_id": f"call_{word}", "output": "it is"} for word in "ab"]
    client.responses.create(model="m1", tools=[FUNCTION], input=[*whole.output, *results])  # as programs go on
    roles = [message["role"] for message in upstream.last.json["messages"]]
    assert roles == ["assistant", "tool", "tool"]


def test_an_answer_is_parsed(client, chats_only, upstream):
    upstream.answer('{"word": "sky"}')
    answer = client.responses.parse(model="m1", input="A word.", text_format=Word)
    assert answer.output_parsed == Word(word="sky")
    form = upstream.last.json["response_format"]
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)


def test_the_asynchronous_sdk_is_served_alike(site, chats_only, api_key, upstream):
    upstream.script(oai.chat("Because."), oai.chat("Because."), path="/chat/completions")

    async def ask() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{site.url}/v1", api_key=api_key, max_retries=0) as client:
            whole = await client.responses.create(model="m1", input="Why?")
            async with client.responses.stream(model="m1", input="Why?") as stream:
                return whole.output_text, (await stream.get_final_response()).output_text

    assert asyncio.run(ask()) == ("Because.", "Because.")


@pytest.mark.parametrize(
    "body",
    [{"tools": [{"type": "web_search"}]}, {"previous_response_id": "resp_1"}, {"background": True}],
    ids=lambda body: next(iter(body)),
)
def test_what_a_chat_cannot_say_is_refused_by_name(client, chats_only, upstream, body):
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="m1", input="Why?", **body)
    assert refused.value.param == next(iter(body))
    assert "Responses API" in str(refused.value)
    assert not upstream.history


def test_errors_are_the_sdks_own_before_and_in_a_stream(client, chats_only, upstream):
    upstream.script(oai.error(429, "Slow down.", code="rate_limit_exceeded"))
    with pytest.raises(openai.RateLimitError) as refused:
        client.responses.create(model="m1", input="Why?")
    assert "Slow down." in str(refused.value)
    for broken in (
        oai.chat("Because of", after={1: oai.error_frame("Away.")}),
        oai.chat("Because of", after={1: DROP}),
    ):
        upstream.script(broken, path="/chat/completions")
        with pytest.raises(openai.APIError):
            list(client.responses.create(model="m1", input="Why?", stream=True))


# --- chat completions over the Responses API --------------------------------------------------------------------------


@pytest.fixture
def responds_only(connection):
    speak(connection, "responses")
    return connection


def test_a_response_comes_back_as_a_chat(client, responds_only, upstream):
    thought: Any = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Light."}]}
    upstream.script(respond("Because of Rayleigh.", items=[thought, *ITEMS]), path="/responses")
    answer = client.chat.completions.create(
        model="m1", messages=MESSAGES, max_tokens=64, tools=[TOOL], reasoning_effort="low"
    )
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Because of Rayleigh.", "tool_calls")
    assert choice.message.model_extra["reasoning_content"] == "Light."
    assert [call.id for call in choice.message.tool_calls] == ["call_a", "call_b"]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 1)
    assert upstream.last.json == {
        "model": "m1", "input": MESSAGES, "store": False, "max_output_tokens": 64, "tools": [FUNCTION],
        "reasoning": {"effort": "low"},
    }  # fmt: skip
    results: Any = [{"role": "tool", "tool_call_id": f"call_{word}", "content": "it is"} for word in "ab"]
    client.chat.completions.create(model="m1", messages=[*MESSAGES, choice.message, *results])
    kinds = [item.get("type", item.get("role")) for item in upstream.last.json["input"]]
    assert kinds == [
        "system", "user", "assistant", *["function_call"] * 2, *["function_call_output"] * 2
    ]  # fmt: skip


def test_a_stream_of_a_response_is_one_of_a_chat(client, responds_only, upstream):
    upstream.script(respond(["Because ", "of Rayleigh."], items=ITEMS), path="/responses")
    with client.chat.completions.stream(
        model="m1", messages=MESSAGES, tools=[TOOL], stream_options={"include_usage": True}
    ) as stream:
        whole = stream.get_final_completion()
    assert whole.choices[0].message.content == "Because of Rayleigh."
    calls = [call.function.arguments for call in whole.choices[0].message.tool_calls]
    assert calls == ['{"word": "a"}', '{"word": "b"}']
    assert (whole.usage.completion_tokens, whole.choices[0].finish_reason) == (2, "tool_calls")
    chunks = list(client.chat.completions.create(model="m1", messages=MESSAGES, stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    rows = [(row.tokens_in, row.tokens_out) for row in records(2)]
    assert rows == [(3, 2), (3, 1)]


def test_a_chat_is_parsed_and_ends_where_the_response_ended(client, responds_only, upstream):
    ended: Any = {"incomplete_details": {"reason": "max_output_tokens"}}
    upstream.script(respond('{"word": "sky"}'), respond("Because", status="incomplete", extra=ended), path="/responses")
    parsed = client.chat.completions.parse(model="m1", messages=MESSAGES, response_format=Word)
    assert parsed.choices[0].message.parsed == Word(word="sky")
    assert upstream.last.json["text"]["format"]["name"] == "Word"
    assert client.chat.completions.create(model="m1", messages=MESSAGES).choices[0].finish_reason == "length"


def test_a_response_that_fails_is_an_error_of_the_sdk(client, responds_only, upstream):
    failed = respond("Because", failure={"code": "server_error", "message": "Away."})
    upstream.script(failed, failed, path="/responses")
    with pytest.raises(openai.InternalServerError) as whole:
        client.chat.completions.create(model="m1", messages=MESSAGES)
    with pytest.raises(openai.APIError) as streamed:
        list(client.chat.completions.create(model="m1", messages=MESSAGES, stream=True))
    assert "Away." in str(whole.value)
    assert "Away." in str(streamed.value)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="m1", messages=MESSAGES, stop=["END"])
    assert refused.value.param == "stop"


def test_what_a_server_calls_unknown_is_left_out_of_translated_calls_too(client, connection, upstream):
    refusal = oai.error(400, "Unknown parameter: 'reasoning'.", code="unknown_parameter", param="reasoning")
    speak(connection, "responses")
    upstream.script(refusal, path="/responses")
    client.chat.completions.create(model="m1", messages=MESSAGES, reasoning_effort="low")
    assert [("reasoning" in one.json) for one in upstream.asked("/responses")] == [True, False]


def test_a_chat_of_the_site_works_over_it(site, responds_only, alice, upstream):
    people.set_chat(titles=False, follow_ups=False)
    talker = Talker(site, alice)
    started = talker.start()
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    assert message["status"] == "done"
    assert message["content"].startswith("You said: ")
    assert upstream.last.path == "/v1/responses"


# --- every form over every connection ---------------------------------------------------------------------------------


def test_anthropics_sdk_works_over_the_responses_api(site, responds_only, api_key, upstream):
    tool: Any = {"name": "look_up", "input_schema": SCHEMA}
    with anthropic.Anthropic(base_url=site.url, api_key=api_key, max_retries=0) as client:
        for _turn in range(2):
            upstream.script(respond("Let me see.", items=ITEMS), path="/responses")
        asked: Any = {"model": "m1", "max_tokens": 64, "tools": [tool], "messages": MESSAGES[1:]}
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            streamed = stream.get_final_message()
    for answer in (whole, streamed):
        used = [(block.id, block.input) for block in answer.content if block.type == "tool_use"]
        assert used == [("call_a", {"word": "a"}), ("call_b", {"word": "b"})]
        assert (answer.stop_reason, answer.usage.output_tokens) == ("tool_use", 1)
    assert upstream.last.json["max_output_tokens"] == 64


def test_responses_work_over_anthropics_messages(client, connection, upstream):
    Connection.objects.filter(pk=connection.pk).update(kind="anthropic")
    connection.refresh_from_db()
    connection.save()
    whole = client.responses.create(model="m1", input="hello")
    events = list(client.responses.create(model="m1", input="hello", stream=True))
    assert events[-1].response.output_text == whole.output_text != ""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert upstream.last.path == "/v1/messages"


def test_a_connection_says_what_it_speaks_in_the_flat_form(site, connection, alice):
    root = people.make_user("Root", admin=True)
    session = site.session(root)
    form = session.get(f"{site.url}/openai/config").json()
    assert "api_type" not in form["OPENAI_API_CONFIGS"]["0"]
    for value, status, stored in (("responses", 200, "responses"), ("other", 400, "responses"), ("", 200, "")):
        form["OPENAI_API_CONFIGS"]["0"]["api_type"] = value
        answer = session.post(f"{site.url}/openai/config/update", json=form)
        assert answer.status_code == status
        connection.refresh_from_db()
        assert connection.speaks == stored
    speak(connection, "chat")
    assert session.get(f"{site.url}/openai/config").json()["OPENAI_API_CONFIGS"]["0"]["api_type"] == "chat"
    asked = {"operation": "responses", "body": {"model": "m1", "input": "Why?"}}
    (source,) = session.post(f"{site.url}/openai/explain", json=asked).json()["sources"]
    assert (source["form"], source["url"].rpartition("/v1/")[2]) == ("chat completions", "chat/completions")
    assert source["body"] == {"model": "m1", "messages": [{"role": "user", "content": "Why?"}]}
