"""Large bodies: no entrance parses or joins them on the event loop."""

import threading

import pytest

from providers import json_bodies
from providers.process import waiting
from providers.relay import payload
from tests.upstream import openai

PROMPT = "Why is the sky blue? " * 5_000  # 105 kB


@pytest.fixture
def threads(monkeypatch):
    """The names of the threads in which JSON was read and written, for bodies of more than a kilobyte."""
    seen = []
    parse, dumps = json_bodies.parse_and_keep, json_bodies.dumps

    def noted_parse(body):
        if len(body) > 1_000:
            seen.append(("parse", threading.current_thread().name))
        return parse(body)

    def noted_dumps(value):
        data = dumps(value)
        if len(data) > 1_000:
            seen.append(("dumps", threading.current_thread().name))
        return data

    monkeypatch.setattr(json_bodies, "parse_and_keep", noted_parse)
    monkeypatch.setattr(json_bodies, "dumps", noted_dumps)
    return seen


ENTRANCES = {
    "lane": "/v1/chat/completions",
    "deployment": "/openai/deployments/m1/chat/completions",
    "site": "/api/chat/completions",
}


@pytest.mark.parametrize("path", ENTRANCES.values(), ids=ENTRANCES)
def test_a_large_request_is_read_and_written_in_a_thread(site, api_key, connection, upstream, threads, path):
    from providers.models import ChatModel

    ChatModel.objects.update(params={"temperature": 0.5})  # so that the body is written anew
    upstream.always(openai.chat("Blue."), path="/chat/completions")
    body = {"model": "m1", "messages": [{"role": "user", "content": PROMPT}]}
    answer = site.session(key=api_key).post(f"{site.url}{path}", json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    assert upstream.chats[0].json["messages"][-1]["content"] == PROMPT
    assert {what for what, _thread in threads} == {"parse", "dumps"}
    assert all(thread.startswith("waiting") for _what, thread in threads)


async def test_a_small_body_is_written_at_once(monkeypatch):
    async def never(*_args):
        raise AssertionError("a thread for a small body")

    monkeypatch.setattr(waiting, "in_own_thread", never)
    assert await payload.encode({"model": "m"}, None) == b'{"model":"m"}'
    assert await payload.encode({"model": "m"}, b"{}") == b'{"model":"m"}'


@pytest.mark.parametrize(
    ("body", "is_large"),
    [
        ({"model": "m", "messages": [{"content": "x" * 60_000}]}, False),
        ({"model": "m", "messages": [{"content": "x" * 70_000}]}, True),
        ({"model": "m", "messages": [{"content": [{"image_url": {"url": "x" * 70_000}}]}]}, True),
        ({"model": "m", "input": [[1] * 5_000]}, True),
    ],
)
def test_the_size_of_a_body_is_estimated(body, is_large):
    assert (payload.size_of(body) > waiting.LARGE) == is_large
