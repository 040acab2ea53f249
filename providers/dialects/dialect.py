"""The forms of requests and answers. An operation says its own, a kind of connection the one that it speaks."""

from enum import Enum


class Dialect(Enum):
    """How a request for an answer of a model, and the answer, are written."""

    CHAT = "chat completions"  # OpenAI's: docs/upstreams/openai.md
    MESSAGES = "messages"  # Anthropic's: docs/upstreams/anthropic.md
    RESPONSES = "responses"  # OpenAI's newer one: docs/upstreams/openai.md
