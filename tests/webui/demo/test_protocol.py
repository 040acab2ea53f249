"""Responses of the demo against OpenAI's published schemas, through this site."""

import io
import math
import wave

import openai
import pytest
import requests
from django.core.management import call_command

from chat.files.kinds import sniff
from providers.speech import clips
from tests import people
from tests.fixtures.openai_schemas import check, frames_of
from webui.layers import static

MESSAGES = [{"role": "user", "content": "Think: why is the sky blue?"}]
HEADS = {"mp3": b"ID3", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC", "wav": b"RIFF", "pcm": b""}


@pytest.fixture
def newcomer(site, monkeypatch):
    """A client of a site that has nothing but the demo."""
    # A collection in this process would rename the files of every page for the tests that follow.
    monkeypatch.setattr(static, "is_stale", lambda: False)
    call_command("bootstrap")
    return site.openai(people.make_key(people.make_user("Boss", admin=True)))


@pytest.fixture
def post(site, newcomer):
    def send(path, body):
        headers = {"Authorization": f"Bearer {newcomer.api_key}"}
        return requests.post(f"{site.url}/v1/{path}", json={"model": "demo", **body}, headers=headers, timeout=20)

    return send


def test_a_completion_is_as_published(post):
    body = check("CreateChatCompletionResponse", post("chat/completions", {"messages": MESSAGES}).json())
    choice = body["choices"][0]
    assert choice["logprobs"] is None
    assert choice["message"]["refusal"] is None
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_each_chunk_of_a_stream_is_as_published(post):
    options = {"include_usage": True}
    answer = post("chat/completions", {"messages": MESSAGES, "stream": True, "stream_options": options})
    chunks = [check("CreateChatCompletionStreamResponse", data) for _event, data in frames_of(answer.text)]
    assert [chunk["usage"] is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1]["choices"] == []
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("given", "count"), [("Why?", 1), (["Why?", "为什么？"], 2), ([1, 2], 1), ([[1], [2]], 2), (None, 1)]
)
def test_a_continued_text_is_as_published(post, newcomer, given, count):
    body = check("CreateCompletionResponse", post("completions", {"prompt": given}).json())
    assert [choice["index"] for choice in body["choices"]] == list(range(count))
    assert body["usage"]["completion_tokens"] > 0


def test_a_continued_text_streams_what_it_says_whole(newcomer):
    asked = {"model": "demo", "prompt": ["hello", "maths"]}
    whole = newcomer.completions.create(**asked)
    chunks = list(newcomer.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    for choice in whole.choices:
        pieces = [one.text for chunk in chunks for one in chunk.choices if one.index == choice.index]
        assert "".join(pieces) == choice.text
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize(("given", "count"), [("hello", 1), (["a", "b"], 2), ([{"type": "text", "text": "a"}], 1)])
def test_a_moderation_is_as_published_and_flags_nothing(post, given, count):
    body = check("CreateModerationResponse", post("moderations", {"input": given}).json())
    assert [result["flagged"] for result in body["results"]] == [False] * count


def test_documents_with_the_words_of_the_query_come_first(post):
    documents = ["粉色的花", {"text": "a blue sky"}, "the blue sky"]
    body = post(
        "rerank", {"query": "the blue sky", "documents": documents, "top_n": 2, "return_documents": True}
    ).json()
    assert [(one["index"], one["document"]["text"]) for one in body["results"]] == [
        (2, "the blue sky"),
        (1, "a blue sky"),
    ]
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("given", ["Why?", [{"role": "user", "content": [{"type": "input_text", "text": "Why?"}]}]])
def test_a_response_is_as_published(post, given):
    body = check("Response", post("responses", {"input": given, "instructions": "Be brief."}).json())
    assert body["status"] == "completed"
    assert body["instructions"] == "Be brief."


def test_the_events_of_a_response_are_as_published_and_in_order(post):
    answer = post("responses", {"input": "Why is the sky blue?", "stream": True})
    frames = frames_of(answer.text)
    for event, data in frames:
        assert event == check("ResponseStreamEvent", data)["type"]
    assert [data["sequence_number"] for _event, data in frames] == list(range(len(frames)))
    kinds = [event.removeprefix("response.") for event, _data in frames]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert set(kinds[4:-4]) == {"output_text.delta"}
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    deltas = "".join(data["delta"] for event, data in frames if event.endswith(".delta"))
    assert deltas == frames[-1][1]["response"]["output"][0]["content"][0]["text"]


@pytest.mark.parametrize("given", ["sky", ["sky", "sea"], [1, 2], [[1, 2], [3]]])
def test_embeddings_are_as_published(post, given):
    body = check("CreateEmbeddingResponse", post("embeddings", {"input": given, "dimensions": 32}).json())
    assert all(math.isclose(math.hypot(*row["embedding"]), 1) for row in body["data"])
    assert {len(row["embedding"]) for row in body["data"]} == {32}


def test_texts_with_the_same_words_are_near(newcomer):
    answer = newcomer.embeddings.create(model="demo", input=["the blue sky", "a blue sky", "粉色的花"])
    first, near, far = (row.embedding for row in answer.data)
    assert sum(a * b for a, b in zip(first, near, strict=True)) > sum(a * b for a, b in zip(first, far, strict=True))


@pytest.mark.parametrize("audio_format", clips.TYPES)
def test_speech_is_what_its_content_type_says(post, audio_format):
    answer = post("audio/speech", {"voice": "alloy", "input": "hello", "response_format": audio_format})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == clips.TYPES[audio_format]
    assert answer.content.startswith(HEADS[audio_format])
    if audio_format not in ("aac", "pcm"):
        assert sniff(answer.content[:4096]) == clips.TYPES[audio_format]
    if audio_format == "wav":
        with wave.open(io.BytesIO(answer.content)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (24000, 1, 2)


def test_speech_as_events_is_as_published(post):
    answer = post("audio/speech", {"voice": {"id": "voice_1"}, "input": "hello", "stream_format": "sse"})
    kinds = [check("CreateSpeechResponseStreamEvent", data)["type"] for _event, data in frames_of(answer.text)]
    assert kinds[-1] == "speech.audio.done"
    assert set(kinds[:-1]) == {"speech.audio.delta"}


def test_a_transcript_is_what_openais_client_reads(newcomer):
    def ask(**options):
        return newcomer.audio.transcriptions.create(model="demo", file=("a.wav", b"RIFF"), **options)

    text = ask().text
    assert ask(language="zh").text != text
    assert "".join(event.delta for event in ask(stream=True) if event.type == "transcript.text.delta") == text
    assert [segment.text for segment in ask(response_format="verbose_json").segments] == [text]
    for audio_format in ("text", "srt", "vtt"):
        assert text in ask(response_format=audio_format)
    with pytest.deprecated_call():  # by the client
        assert newcomer.audio.translations.create(model="demo", file=("a.wav", b"RIFF")).text == text
    with pytest.raises(openai.BadRequestError):
        ask(response_format="doc")


def test_the_model_list_is_as_published(site, newcomer):
    headers = {"Authorization": f"Bearer {newcomer.api_key}"}
    body = requests.get(f"{site.url}/v1/models", headers=headers, timeout=20).json()
    assert [check("Model", model)["id"] for model in check("ListModelsResponse", body)["data"]] == ["demo"]
    one = requests.get(f"{site.url}/v1/models/demo", headers=headers, timeout=20).json()
    assert check("Model", one)["id"] == "demo"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {"messages": []}),
        ("chat/completions", {"messages": [], "model": None}),
        ("chat/completions", {"messages": MESSAGES, "model": "nobody's"}),
        ("responses", {"input": []}),
        ("responses", {"input": 7}),
        ("embeddings", {"input": []}),
        ("embeddings", {"input": [None]}),
        ("embeddings", {"input": "a", "dimensions": 0}),
        ("completions", {"prompt": [None]}),
        ("completions", {"prompt": ["a"] * 21}),
        ("moderations", {"input": []}),
        ("rerank", {"query": "a", "documents": []}),
        ("rerank", {"query": "a", "documents": [7]}),
        ("rerank", {"query": "a", "documents": ["a"], "top_n": -1}),
        ("audio/speech", {"input": ""}),
        ("audio/speech", {"input": "a", "response_format": "midi"}),
    ],
)
def test_refusals_are_as_published(post, path, body):
    answer = post(path, body)
    assert 400 <= answer.status_code < 500
    check("ErrorResponse", answer.json())


def test_every_first_call_of_the_sdk_is_answered(newcomer):
    assert newcomer.models.list().data
    assert newcomer.chat.completions.create(model="demo", messages=MESSAGES).choices[0].message.content
    assert newcomer.responses.create(model="demo", input="hello").output_text
    with newcomer.responses.stream(model="demo", input="hello") as stream:
        assert stream.get_final_response().output_text
    assert newcomer.embeddings.create(model="demo", input="hello").data[0].embedding
    assert newcomer.audio.speech.create(model="demo", voice="alloy", input="hello").content
    with pytest.raises(openai.NotFoundError):
        newcomer.chat.completions.create(model="gpt-0", messages=MESSAGES)
