"""OpenAI's protocol: `chat(…)`, `error(…)` and others make the responses that a test queues."""

from tests.upstream.openai.protocol import CREATED, EVENTS, OpenAI, chat, echo, error, error_frame

__all__ = ["CREATED", "EVENTS", "OpenAI", "chat", "echo", "error", "error_frame"]
