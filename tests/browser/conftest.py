"""The scripted provider for browser tests. It answers by a prompt's words: title requests come in between."""

from typing import Any

import pytest

from chat.history import text_of
from tests.upstream import Behaviour, openai


@pytest.fixture(autouse=True)
def patience(browser):
    """Long timeouts for expectations: a busy machine is slow, and nothing here asserts a duration."""
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)


class Provider:
    """`says("Hi", "Hello.", after={1: gate})`: queues the answer to the next message with exactly these words."""

    def __init__(self, upstream: Any) -> None:
        self.title = "A fitting title"
        self._answers: dict[str, list[Behaviour]] = {}
        upstream.always(self._answer, path="/chat/completions")

    def says(self, question: str, content: Any = "", **options: Any) -> None:
        self.does(question, openai.chat(content, **options))

    def does(self, question: str, behaviour: Behaviour) -> None:
        self._answers.setdefault(question, []).append(behaviour)

    def _answer(self, received: Any) -> Any:
        asked = received.json
        question = text_of(asked["messages"][-1]["content"]).partition("\n\n<context>")[0]
        queued = self._answers.get(question)
        behaviour = queued.pop(0) if queued else openai.chat(self.title if not asked.get("stream") else "Said.")
        return behaviour(received) if callable(behaviour) else behaviour


@pytest.fixture
def provider(upstream, connection):
    return Provider(upstream)
