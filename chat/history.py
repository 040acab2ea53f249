"""The conversation up to a message, and its form for a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chat import tree
from chat.models import Message


def branch_above(message: Message) -> list[Message]:
    """The messages from the root down to this one's parent. Two queries; texts of other branches are not loaded."""
    outline = Message.objects.filter(chat_id=message.chat_id).only("pk", "chat", "parent", "created")
    ids = [row.pk for row in tree.branch_to(outline, message.parent_id)]
    rows = Message.objects.in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]


def as_openai(branch: Iterable[Message]) -> list[dict[str, Any]]:
    """The branch as OpenAI messages, ending with the question; attached files are `files` of their message.

    Empty answers (failed, stopped at once) are left out; the questions around one become one message, because many
    models refuse two messages of one role in a row. Reasoning is not sent back. Pictures of an answer are added to the
    person's next message, marked as `shown`: no API takes pictures of an assistant.
    """
    messages: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for message in branch:
        files: list[dict[str, Any]] = []
        if message.role == Message.Role.USER:
            files, shown = [*shown, *message.files], []
        elif message.role == Message.Role.ASSISTANT:
            shown += [{**file, "shown": True} for file in message.files if file.get("type") == "image"]
        if message.content.strip() or files:
            _append(messages, message, files)
    return messages


def _append(messages: list[dict[str, Any]], message: Message, files: list[dict[str, Any]]) -> None:
    last = messages[-1] if messages else {}
    if last.get("role") != message.role or message.role == Message.Role.SYSTEM:
        messages.append({"role": str(message.role), "content": message.content} | ({"files": files} if files else {}))
        return
    last["content"] = "\n\n".join(text for text in (last["content"], message.content) if text.strip())
    if files:
        last["files"] = [*last.get("files", ()), *files]


def text_of(content: Any) -> str:
    """The text of an OpenAI message's `content`, which is a string, a list of parts or nothing."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def last_question(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message of the user's, in OpenAI messages; empty when there is none."""
    asked = (message.get("content") for message in reversed(messages) if message.get("role") == "user")
    return text_of(next(asked, None))
