"""Ollama's official client against this site: sync, async, streaming."""

import asyncio

import ollama
import pytest

from tests.upstream import ollama as wire

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = "local.gemma3:latest"
MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def options(site, ollama_server, api_key):
    return {"host": f"{site.url}/ollama", "headers": {"Authorization": f"Bearer {api_key}"}}


@pytest.fixture
def client(options):
    with ollama.Client(**options) as client:
        yield client


def test_the_client_chats_generates_embeds_and_lists(client, upstream):
    assert client.chat(MODEL, MESSAGES).message.content == "You said: hello"
    parts = list(client.chat(MODEL, MESSAGES, stream=True))
    assert "".join(part.message.content for part in parts) == "You said: hello"
    assert (parts[-1].done_reason, parts[-1].eval_count, parts[-1].model) == ("stop", 4, MODEL)
    assert client.generate(MODEL, "hello").response == "You said: hello"
    assert client.embed(MODEL, ["a", "b"]).embeddings == [[0.5, -0.25]] * 2
    assert client.embeddings(MODEL, "a").embedding == [0.5, -0.25]
    assert [model.model for model in client.list().models] == [MODEL]
    assert client.show(MODEL).capabilities == ["completion"]
    upstream.ollama.loaded = ["gemma3:latest"]
    assert [model.model for model in client.ps().models] == [MODEL]


def test_the_client_reads_our_refusals(client, site, upstream):
    with pytest.raises(ollama.ResponseError, match="model 'other' not found") as missing:
        client.chat("other", MESSAGES)
    assert missing.value.status_code == 404
    upstream.script(wire.lines("one two", after={1: wire.line({"error": "out of memory"})}, done=False))
    with pytest.raises(ollama.ResponseError, match="out of memory"):
        list(client.chat(MODEL, MESSAGES, stream=True))
    with ollama.Client(host=f"{site.url}/ollama") as stranger, pytest.raises(ollama.ResponseError) as refused:
        stranger.list()
    assert refused.value.status_code == 401


def test_the_asynchronous_client_streams(options):
    async def run():
        async with ollama.AsyncClient(**options) as client:
            return [part async for part in await client.generate(MODEL, "hello", stream=True)]

    parts = asyncio.run(run())
    assert "".join(part.response for part in parts) == "You said: hello"
    assert parts[-1].prompt_eval_count == 12
