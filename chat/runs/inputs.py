"""What a turn gave its model besides the conversation, in the form that is kept for later turns (`ModelInput`)."""

import uuid
from typing import Any

from chat.models import ModelInput
from chat.models.inputs import TOOLS
from chat.pipeline import Turn

MOST_CONTEXT = 100_000  # characters of one context; a longer one is not kept
MOST_RESULT = 20_000  # characters of one result
MOST_CALLS = 200_000  # characters of all calls and results of an answer; of more none are kept

Input = tuple[str, Any]  # source, content


def of(turn: Turn) -> list[Input]:
    """The inputs of a turn, in their order."""
    read: list[Input] = [(source, text) for source, text in turn.contexts if len(text) <= MOST_CONTEXT]
    messages = [_bounded(message) for message in turn.tool_messages]
    if messages and len(str(messages)) <= MOST_CALLS:
        read.append((TOOLS, messages))
    return read


def save(answer_id: uuid.UUID, inputs: list[Input]) -> None:
    """Add them to those that the answer has."""
    ModelInput.objects.bulk_create(
        ModelInput(answer_id=answer_id, source=source, content=content) for source, content in inputs
    )


def _bounded(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if message.get("role") not in ("tool", "function") or not isinstance(content, str) or len(content) <= MOST_RESULT:
        return message
    return {**message, "content": f"{content[:MOST_RESULT]}\n[Cut here.]"}
