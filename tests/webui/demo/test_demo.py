"""The demo upstream: OpenAI's protocol, visible streaming, answers marked as a demo."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from time import monotonic

import openai
import pytest
from django.conf import settings

from imagegen.conversation import handler
from imagegen.models import ImageJob
from providers import http
from webui.demo import answers, embeddings, server

URL = "http://demo.localhost/v1"


@pytest.fixture(scope="module")
def client():
    demo = server.start()
    with openai.OpenAI(base_url=f"http://{demo.address}:{demo.port}/v1", api_key="none", max_retries=0) as client:
        yield client
    demo.stop()


def ask(client, text, **options):
    return client.chat.completions.create(model="demo", messages=[{"role": "user", "content": text}], **options)


def test_the_sdk_lists_its_model(client):
    assert [model.id for model in client.models.list()] == ["demo"]


def test_it_says_plainly_what_it_is_and_where_to_connect_a_provider(client):
    answer = ask(client, "hello").choices[0].message.content
    assert "demo" in answer
    assert "/admin/providers/connection/add/" in answer


def test_it_answers_in_the_language_of_the_last_message(client):
    assert "演示" in ask(client, "你好").choices[0].message.content
    messages = [{"role": "user", "content": "你好"}, {"role": "user", "content": "hello"}]
    answer = client.chat.completions.create(model="demo", messages=messages).choices[0].message.content
    assert "演示" not in answer


def test_it_streams_in_many_steps_and_ends_with_the_usage_that_was_asked_for(client):
    times, text, usage = [], "", None
    for chunk in ask(client, "hello", stream=True, stream_options={"include_usage": True}):
        times.append(monotonic())
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        usage = chunk.usage or usage
    assert len(times) > 50
    assert any(later - earlier > server.PIECE_SECONDS / 2 for earlier, later in pairwise(times))
    assert text == ask(client, "hello").choices[0].message.content
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens == len(times) - 3


def test_without_the_option_no_usage_comes(client):
    assert all(chunk.usage is None for chunk in ask(client, "天空", stream=True))


def test_it_thinks_aloud_when_asked_to(client):
    deltas = [chunk.choices[0].delta for chunk in ask(client, "Think: why is the sky blue?", stream=True)]
    thoughts = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert thoughts.startswith("The person wants")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Compare in a table: three ways to brew coffee", "|---|"),
        ("Write a small Python script that finds duplicate files", "```python"),
        ("Show me a formula", "$$"),
        ("why is the sky blue", "blue"),
        ("Write a friendly, short reply that declines a meeting", "Thursday"),
        ("draw a cat", "Picture"),
        ("How do I connect Ollama?", "11434"),
        ("用表格比较三种冲咖啡的方法", "|---|"),
        ("写一个查找重复文件的脚本", "```python"),
    ],
)
def test_it_shows_what_was_asked_for(text, holds):
    assert holds in answers.answer_to([{"role": "user", "content": text}]).text


def test_with_a_picture_above_its_answer_it_speaks_of_that():
    context = handler._context(ImageJob(prompt="a boat"), editing=False)
    told = {"role": "system", "content": f"<context>{context}</context>"}
    answer = answers.answer_to([told, {"role": "user", "content": "A boat"}])
    assert answer.text.startswith("There it is, from “A boat”.")


@pytest.mark.parametrize("language", dict(settings.LANGUAGES))
def test_every_subject_is_written_in_every_language(language):
    for subject in [*(name for name, _words in answers.SUBJECTS), "drawn", "tour", "_note", "_thinking"]:
        assert answers.text_of(language, subject)


@pytest.mark.parametrize("words", ["Hello", "你好"])
def test_its_example_leads_to_this_site(words, settings):
    settings.SITE_URL = "https://chat.example.com"
    text = answers.answer_to([{"role": "user", "content": words}]).text
    assert 'base_url="https://chat.example.com/v1"' in text


def test_pieces_make_the_whole_text():
    for language in ("hello", "你好"):
        answer = answers.answer_to([{"role": "user", "content": language}])
        assert "".join(piece for _name, piece in answer.pieces()) == answer.text


def test_parts_of_a_message_are_read_and_oddities_do_no_harm():
    parts = [{"type": "text", "text": "a table"}, {"type": "image_url", "image_url": {"url": "data:"}}, "odd"]
    assert "|---|" in answers.answer_to([{"role": "user", "content": parts}]).text
    for odd in ([{"role": "user"}], [{"role": "user", "content": 7}], ["text"], [{"content": None}]):
        assert answers.answer_to(odd).text


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"messages": []}, openai.BadRequestError),
        ({"messages": "hello"}, openai.BadRequestError),
    ],
)
def test_a_wrong_request_is_refused_in_openais_shape(client, body, error):
    with pytest.raises(error):
        client.post("/chat/completions", body=body, cast_to=dict)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"input": "x" * 2**19}, 413),
        ({"input": ["x"] * 2048, "dimensions": 4096}, 400),
        ({"input": ["x"] * 2048}, 2048),
    ],
    ids=["a large body", "large vectors", "as many as OpenAI takes"],
)
def test_embeddings_have_bounds(client, given, seen):
    try:
        answer = len(client.embeddings.create(model="demo", **given).data)
    except openai.APIStatusError as error:
        answer = error.status_code
    assert answer == seen


def test_embeddings_that_take_long_keep_nobody_waiting(client, monkeypatch):
    started, may_end = threading.Event(), threading.Event()

    def slow(payload):
        started.set()
        may_end.wait(20)
        return embeddings.embed(payload)

    row = replace(server.POSTS["/v1/embeddings"], answer=slow)
    monkeypatch.setitem(server.POSTS, "/v1/embeddings", row)
    with ThreadPoolExecutor(1) as callers:
        answer = callers.submit(client.embeddings.create, model="demo", input="hello")
        started.wait(20)
        assert list(client.models.list())
        may_end.set()
        assert answer.result(20).data


def test_what_it_cannot_do_it_says(client):
    with pytest.raises(openai.NotFoundError, match="Connect a provider"):
        client.images.generate(model="demo", prompt="x")


def test_the_door_starts_it_when_it_is_first_called():
    answer = http.request("GET", f"{URL}/models", limits=http.Limits(total=10))
    assert answer.json()["data"][0]["id"] == "demo"


async def test_a_reader_that_leaves_ends_nothing_else():
    body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"Content-Type": "application/json"}
    for _ in range(2):
        async with http.stream(
            "POST", f"{URL}/chat/completions", headers=headers, body=body, limits=http.Limits(total=10)
        ) as answer:
            async for piece in answer.chunks():
                assert piece.startswith(b"data: ")
                break
    await http.aclose()
