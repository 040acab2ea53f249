"""The conversation down to a message, and what a model is told of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chat import tree
from chat.models import Message


def branch_above(message: Message) -> list[Message]:
    """The messages from the root down to this one's parent. Two queries; other branches' texts stay in the database."""
    outline = Message.objects.filter(chat_id=message.chat_id).only("pk", "chat", "parent", "created")
    ids = [one.pk for one in tree.branch_to(outline, message.parent_id)]
    rows = Message.objects.in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]


def as_openai(branch: Iterable[Message]) -> list[dict[str, Any]]:
    """The branch as OpenAI messages, ending with the question.

    An answer without a word (failed, stopped at once) is left out; the two questions around it become one message,
    because many models refuse two turns of one role in a row. Thinking is not sent back.
    """
    messages: list[dict[str, Any]] = []
    for message in branch:
        if not message.content.strip():
            continue
        if messages and messages[-1]["role"] == message.role != Message.Role.SYSTEM:
            messages[-1]["content"] += f"\n\n{message.content}"
        else:
            messages.append({"role": str(message.role), "content": message.content})
    return messages


def text_of(content: Any) -> str:
    """The text of an OpenAI message's `content`, which is a string, a list of parts or nothing."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def question_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last thing the person said, in OpenAI messages."""
    return next((text_of(one.get("content")) for one in reversed(messages) if one.get("role") == "user"), "")
