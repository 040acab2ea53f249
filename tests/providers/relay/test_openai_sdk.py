"""The OpenAI SDK as client: its requests reach the provider, and it understands the responses."""

import json
from typing import Any

import openai
import pytest
import requests
from pydantic import BaseModel

from providers.models import Connection
from providers.relay.usage import stream_usage
from tests import people
from tests.upstream import DROP, Reply, unused_port
from tests.upstream import openai as oai

MESSAGES: Any = [{"role": "user", "content": "Why is the sky blue?"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"word": {"type": "string"}}}},
}


@pytest.fixture(params=["lane", "view"])
def client(request, site, connection, api_key):
    return site.openai(api_key, views=request.param == "view")


@pytest.fixture
def directly(upstream):
    """The SDK client at the provider itself."""
    with openai.OpenAI(base_url=upstream.url, api_key="upstream-key", max_retries=0) as client:
        yield client


def test_models_are_listed_and_found(client):
    assert [model.id for model in client.models.list()] == ["m1"]
    assert client.models.retrieve("m1").owned_by == "openai"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("other/model")
    assert missing.value.code == "model_not_found"


def test_a_chat_is_completed(client, upstream):
    upstream.answer("Because of Rayleigh.")
    answer = client.chat.completions.create(model="m1", messages=MESSAGES)
    assert answer.choices[0].message.content == "Because of Rayleigh."
    assert answer.usage.completion_tokens == 3


def test_a_chat_streams(client, upstream):
    upstream.answer("Because of Rayleigh.")
    stream = client.chat.completions.create(
        model="m1", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Because of Rayleigh."
    assert chunks[-1].usage.completion_tokens == 3


class Sky(BaseModel):
    colour: str


CALLS = {
    "plain": lambda c: c.chat.completions.create(model="m1", messages=MESSAGES),
    "parameters": lambda c: c.chat.completions.create(
        model="m1", messages=MESSAGES, temperature=0.1, top_p=0.9, n=2, stop=["a"], seed=7, user="me", logprobs=True,
        metadata={"a": "b"}, store=False, service_tier="auto", extra_body={"unheard_of": {"deep": [1, None]}},
    ),
    "tools": lambda c: c.chat.completions.create(
        model="m1", messages=MESSAGES, tools=[TOOL], tool_choice="auto", parallel_tool_calls=False
    ),
    "tool results": lambda c: c.chat.completions.create(
        model="m1",
        messages=[
            *MESSAGES,
            {"role": "assistant", "content": None,
             "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "blue"},
        ],
    ),
    "vision": lambda c: c.chat.completions.create(
        model="m1",
        messages=[{"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}},
        ]}],
    ),
    "a schema": lambda c: c.chat.completions.create(
        model="m1", messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": {"name": "sky", "schema": Sky.model_json_schema()}},
    ),
    "a stream": lambda c: list(c.chat.completions.create(model="m1", messages=MESSAGES, stream=True)),
    "embeddings": lambda c: c.embeddings.create(model="m1", input=["a", "b"], dimensions=4),
    "a completion": lambda c: c.completions.create(
        model="m1", prompt=["The sky is", "Grass is"], suffix=".", echo=True, best_of=2, logit_bias={"50256": -100}
    ),
    "a completion that streams": lambda c: list(
        c.completions.create(model="m1", prompt=[[1, 2], [3]], stream=True, stream_options={"include_usage": True})
    ),
    "a moderation": lambda c: c.moderations.create(model="m1", input=[{"type": "text", "text": "hi"}]),
    "a response": lambda c: c.responses.create(model="m1", input="hi", instructions="Be brief.", store=False),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_the_provider_receives_what_it_would_receive_directly(client, directly, upstream, call):
    CALLS[call](client)
    CALLS[call](directly)
    through, direct = upstream.history[-2:]
    # The site asks for the usage of a stream too.
    question = b"," + stream_usage.QUESTION if call == "a stream" else b""
    assert through.body == direct.body[:-1] + question + direct.body[-1:]
    assert (through.method, through.raw_path) == (direct.method, direct.raw_path)
    assert through.headers["Authorization"] == direct.headers["Authorization"]
    assert through.headers["Content-Type"] == direct.headers["Content-Type"]


def test_what_is_said_in_a_file_is_written_down(client, upstream):
    file = ("said.mp3", b"sound" * 20_000)
    plain = client.audio.transcriptions.create(model="m1", file=file, language="en", temperature=0.5)
    assert plain.text == "said.mp3 has 100000 bytes."
    assert plain.usage.total_tokens == 18
    assert upstream.last.fields == {"model": "m1", "language": "en", "temperature": "0.5"}

    events = list(client.audio.transcriptions.create(model="m1", file=file, stream=True))
    assert [event.type for event in events] == ["transcript.text.delta"] * 4 + ["transcript.text.done"]
    assert events[-1].text == plain.text

    whole = client.audio.transcriptions.create(
        model="m1", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (whole.text, whole.duration) == (plain.text, 1.5)
    sent = [part.text for part in upstream.last.parts if part.name == "timestamp_granularities[]"]
    assert sent == ["word", "segment"]

    assert client.audio.transcriptions.create(model="m1", file=file, response_format="text") == f"{plain.text}\n"
    with pytest.deprecated_call():  # by the client, not by its server
        assert client.audio.translations.create(model="m1", file=file).text == plain.text
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(model="other", file=file)


def test_tool_calls_come_back_in_a_stream(client, upstream):
    upstream.answer(None, tool_calls=[{"name": "look_up", "arguments": {"word": "sky"}}])
    stream = client.chat.completions.create(model="m1", messages=MESSAGES, tools=[TOOL], stream=True)
    pieces = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
    assert pieces[0].function.name == "look_up"
    assert json.loads("".join(piece.function.arguments for piece in pieces)) == {"word": "sky"}


def test_a_schema_is_parsed(client, upstream):
    upstream.answer('{"colour": "blue"}')
    answer = client.chat.completions.parse(model="m1", messages=MESSAGES, response_format=Sky)
    assert answer.choices[0].message.parsed == Sky(colour="blue")


def test_embeddings_come_back_as_numbers(client):
    answer = client.embeddings.create(model="m1", input=["a", "b"], dimensions=4)
    assert [len(one.embedding) for one in answer.data] == [4, 4]


def test_a_completion_comes_back_whole_and_as_a_stream(client):
    whole = client.completions.create(model="m1", prompt=["a", "b"])
    assert [(one.index, one.text) for one in whole.choices] == [(0, "You said: a"), (1, "You said: b")]
    chunks = list(
        client.completions.create(model="m1", prompt="a", stream=True, stream_options={"include_usage": True})
    )
    assert "".join(one.text for chunk in chunks for one in chunk.choices) == "You said: a"
    assert chunks[-1].usage.completion_tokens == 2


@pytest.mark.parametrize("views", [False, True], ids=["lane", "views"])
def test_a_moderation_without_a_model_asks_openais_default(site, connection, api_key, upstream, views):
    base = site.views_url if views else site.url
    with openai.OpenAI(base_url=f"{base}/v1", api_key=api_key, max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match="Name a model") as refused:
            client.moderations.create(input="hello")
        assert (refused.value.code, refused.value.param) == ("missing_required_parameter", "model")
        with pytest.raises(openai.NotFoundError):
            client.moderations.create(model="omni-moderation-latest", input="hello")
        people.make_connection(upstream.url, "omni-moderation-latest", name="Moderation", position=1)
        answer = client.moderations.create(input=["hello", "a fight"])
        assert [one.flagged for one in answer.results] == [False, True]
        assert upstream.last.json == {"input": ["hello", "a fight"], "model": "omni-moderation-latest"}
    assert len(upstream.history) == 1


def test_a_response_streams(client):
    events = [event.type for event in client.responses.create(model="m1", input="hi", stream=True)]
    assert events[0] == "response.created"
    assert events[-1] == "response.completed"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_the_providers_refusals_are_the_clients_own_exceptions(client, upstream, status, error):
    upstream.script(oai.error(status, "The provider's words.", code="a_code", headers={"Retry-After": "7"}))
    with pytest.raises(error) as refused:
        client.chat.completions.create(model="m1", messages=MESSAGES)
    assert refused.value.status_code == status
    assert refused.value.code == "a_code"
    assert "The provider's words." in str(refused.value)
    assert refused.value.response.headers["Retry-After"] == "7"


def test_our_refusals_are_the_clients_own_exceptions(client, site, connection, settings):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="m9", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="m1", messages=[])
    assert refused.value.param == "messages"
    stranger = client.with_options(api_key="sk-nobody")
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="m1", messages=MESSAGES)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    Connection.objects.update(base_url=f"http://127.0.0.1:{unused_port()}/v1")
    with pytest.raises(openai.InternalServerError) as away:
        client.chat.completions.create(model="m1", messages=MESSAGES)
    assert (away.value.status_code, away.value.code) == (502, "upstream_unreachable")


def test_a_stream_that_is_cut_off_raises_after_what_arrived(client, upstream):
    upstream.answer("one two three", after={2: DROP})
    seen = []
    stream = client.chat.completions.create(model="m1", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError) as broken:
        seen.extend(chunk.choices[0].delta.content for chunk in stream)
    assert seen == ["", "one ", "two "]
    assert broken.value.code == "upstream_unreachable"


def test_a_stream_that_is_cut_inside_a_frame_raises_too(client, upstream):
    upstream.script(Reply(200, oai.EVENTS, steps=[b'data: {"choices": []}\n\ndata: {"cho', DROP]))
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="m1", messages=MESSAGES, stream=True))


def test_an_answer_that_is_cut_off_raises(client, upstream):
    upstream.answer("one two three", after={1: DROP})
    with pytest.raises(openai.InternalServerError, match="before its answer was complete"):
        client.chat.completions.create(model="m1", messages=MESSAGES)


def test_an_answer_that_is_cut_off_after_its_beginning_raises(client, upstream):
    upstream.answer("word " * 2000, after={1: DROP})
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="m1", messages=MESSAGES)


def test_the_client_tries_again_when_the_provider_says_so(client, upstream):
    upstream.script(oai.error(429, headers={"Retry-After-Ms": "1"}), oai.error(503, headers={"Retry-After-Ms": "1"}))
    patient = client.with_options(max_retries=2)
    assert patient.chat.completions.create(model="m1", messages=MESSAGES).choices[0].message.content
    assert len(upstream.chats) == 3


@pytest.mark.parametrize("views", [False, True])
async def test_the_asynchronous_client_works_alike(site, connection, api_key, upstream, views):
    base = site.views_url if views else site.url
    async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=api_key, max_retries=0) as client:
        assert [model.id async for model in client.models.list()] == ["m1"]
        upstream.answer("Because of Rayleigh.")
        stream = await client.chat.completions.create(model="m1", messages=MESSAGES, stream=True)
        words = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(words) == "Because of Rayleigh."
        upstream.script(oai.error(429, code="rate_limit_exceeded"))
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(model="m1", messages=MESSAGES)


def test_azures_client_and_we_ask_azure_alike(site, connection, api_key, upstream):
    Connection.objects.update(base_url=upstream.origin, kind="azure", api_version="2024-10-21", secret="azure-key")
    ours = site.openai(api_key)
    azure = openai.AzureOpenAI(azure_endpoint=upstream.origin, api_key="azure-key", api_version="2024-10-21")
    with azure:
        for client in (ours, azure):
            client.chat.completions.create(model="m1", messages=MESSAGES, temperature=0.5)
            client.embeddings.create(model="m1", input="a")
    our_chat, our_vector, their_chat, their_vector = upstream.history
    for through, direct in ((our_chat, their_chat), (our_vector, their_vector)):
        assert through.raw_path == direct.raw_path
        assert through.json == direct.json
        assert through.headers["api-key"] == direct.headers["api-key"]
        assert through.headers.get("Authorization") == direct.headers.get("Authorization")


def azure_at(site, api_key, **options):
    return openai.AzureOpenAI(
        azure_endpoint=site.url, api_key=api_key, api_version="2024-10-21", max_retries=0, **options
    )


SPOKEN: Any = {"voice": "alloy", "input": "hi"}
BY_DEPLOYMENT = {  # the path below a deployment, and a body
    "chat/completions": {"messages": MESSAGES},
    "completions": {"prompt": "a"},
    "embeddings": {"input": "a"},
    "moderations": {"input": "a"},
    "rerank": {"query": "a", "documents": ["a"]},
    "audio/speech": SPOKEN,
    "responses": {"input": "a"},
}


@pytest.mark.parametrize("model", ["m1", "gpt-4o", "", None, 7])
@pytest.mark.parametrize("path", BY_DEPLOYMENT)
def test_the_deployment_in_the_path_is_the_model_whatever_the_body_says(
    site, connection, api_key, upstream, path, model
):
    body = BY_DEPLOYMENT[path] if model is None else {**BY_DEPLOYMENT[path], "model": model}
    address = f"{site.url}/openai/deployments/m1/{path}?api-version=2024-10-21"
    answer = requests.post(address, json=body, headers={"api-key": api_key}, timeout=20)
    assert answer.status_code == 200, answer.text
    assert upstream.last.json["model"] == "m1"


def test_azures_client_with_a_deployment_of_its_own_names_any_model(site, connection, api_key, upstream):
    with azure_at(site, api_key, azure_deployment="m1") as azure:
        assert azure.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices
        assert azure.embeddings.create(model="text-embedding-3-small", input="a").data
        assert azure.audio.speech.create(model="tts-1", **SPOKEN).content
    assert {received.json["model"] for received in upstream.history} == {"m1"}


def test_azures_newer_surface_is_served_like_the_plain_one(site, connection, api_key, upstream):
    with openai.OpenAI(base_url=f"{site.url}/openai/v1", api_key=api_key, max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["m1"]
        assert client.models.retrieve("m1").id == "m1"
        assert client.chat.completions.create(model="m1", messages=MESSAGES).choices
        assert client.embeddings.create(model="m1", input="a").data
        assert client.responses.create(model="m1", input="a").output_text
        assert client.audio.speech.create(model="m1", **SPOKEN).content
        assert client.completions.create(model="m1", prompt="a").choices
        assert client.moderations.create(model="m1", input="a").results
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="other", messages=MESSAGES)


def test_azures_client_calls_us_as_it_calls_azure(site, connection, api_key, upstream):
    upstream.answer("Because of Rayleigh.")
    with openai.AzureOpenAI(azure_endpoint=site.url, api_key=api_key, api_version="2024-10-21", max_retries=0) as azure:
        answer = azure.chat.completions.create(model="m1", messages=MESSAGES)
        assert answer.choices[0].message.content == "Because of Rayleigh."
        assert [model.id for model in azure.models.list()] == ["m1"]
        assert azure.embeddings.create(model="m1", input="a").data
        assert azure.responses.create(model="m1", input="a").output_text
        with pytest.raises(openai.NotFoundError) as missing:
            azure.chat.completions.create(model="other/model", messages=MESSAGES)
        assert missing.value.code == "model_not_found"
    assert upstream.chats[0].json == {"model": "m1", "messages": MESSAGES}
