"""LibreChat's export of a chat: its messages as a list, or inside each other (`recursive`).

See docs/upstreams/exports.md, “LibreChat”.
"""

import itertools
from typing import Any

from chat.imports import values
from chat.imports.formats.base import Format, Origin, data_url, without_empty
from chat.imports.values import Asset, ImportedChat, ImportedMessage, Unreadable, items, mapping
from chat.models import Message
from providers.sentences import sentence as _

NO_PARENT = "00000000-0000-0000-0000-000000000000"


class LibreChat(Format):
    name = "librechat"
    label = "LibreChat"

    def fits(self, item: Any) -> bool:
        return isinstance(item, dict) and "conversationId" in item and ("messages" in item or "messagesTree" in item)

    def read(self, item: dict[str, Any], origin: Origin) -> ImportedChat:
        options = mapping(item.get("options"))
        model = values.line(options.get("model"), 255)
        messages: list[ImportedMessage] = []
        # A message with those below it: a stack, as they may be as deep as the chat is long.
        top = item.get("messagesTree") or item.get("messages")
        todo: list[tuple[Any, str | None]] = [
            (row, None) for row in reversed(items(top) or ([top] if isinstance(top, dict) else []))
        ]
        while todo:
            row, above = todo.pop()
            if not isinstance(row, dict):
                continue
            message = _message(row, above, origin, model, len(messages))
            messages.append(message)
            if len(messages) > values.MAX_MESSAGES:
                raise Unreadable(_("This chat has too many messages: at most %d.") % values.MAX_MESSAGES)
            todo += [(child, message.key) for child in reversed(items(row.get("children")))]
        if not messages:
            raise Unreadable(_("The export has no messages of this chat."))
        if not any("parentMessageId" in mapping(row) or mapping(row).get("children") for row in items(top)):
            for before, message in itertools.pairwise(messages):
                message.parent = before.key
        filled, _leaf = without_empty(messages, None)
        times = [row.created for row in filled if row.created]
        return ImportedChat(
            key=values.line(item.get("conversationId"), values.MAX_KEY),
            title=values.line(item.get("title"), values.MAX_TITLE),
            messages=filled,
            leaf=_newest(filled),
            model=model or next((row.model for row in filled if row.model), ""),
            created=min(times, default=None),
            updated=max(times, default=None),
        )


def _newest(messages: list[ImportedMessage]) -> str | None:
    """The export does not say which branch was shown: the one with the newest message, the last one without times."""
    if not messages:
        return None
    inner = {message.parent for message in messages}
    ends = [message for message in messages if message.key not in inner]
    timed = [message for message in ends if message.created]
    return max(timed, key=lambda message: message.created or values.EARLIEST).key if timed else ends[-1].key


def _message(row: dict[str, Any], above: str | None, origin: Origin, model: str, number: int) -> ImportedMessage:
    is_question = row.get("isCreatedByUser") is True or values.text(row.get("sender"), 40).lower() == "user"
    parent = values.line(row.get("parentMessageId"), values.MAX_KEY)
    made = ImportedMessage(
        key=values.line(row.get("messageId"), values.MAX_KEY) or str(number),
        parent=above or (parent if parent and parent != NO_PARENT else None),
        role=Message.Role.USER if is_question else Message.Role.ASSISTANT,
        created=values.moment(row.get("createdAt")) or values.moment(row.get("updatedAt")),
    )
    texts, thoughts = [], []
    for part in items(row.get("content")):
        part = mapping(part)
        kind = part.get("type")
        if kind in ("text", "error"):
            texts.append(_text(part.get("text") or part.get("error")))
        elif kind == "think":
            thoughts.append(_text(part.get("think")))
        elif kind == "image_url" and (url := values.text(mapping(part.get("image_url")).get("url"), 10**8)):
            made.assets.append(Asset("picture", lambda url=url: data_url(url)))  # type: ignore[misc]
        elif kind == "image_file" and isinstance(part.get("image_file"), dict):
            made.assets += _files([part["image_file"]], origin)
    made.content = "\n\n".join(text for text in texts if text) or values.text(row.get("text"))
    made.reasoning = "\n\n".join(text for text in thoughts if text)
    made.assets += _files(items(row.get("files")) + items(row.get("attachments")), origin)
    if not is_question:
        made.model = values.line(row.get("model"), 255) or model
        if row.get("unfinished") is True:
            made.status = Message.Status.STOPPED
        if row.get("error") is True:
            made.status = Message.Status.FAILED
            made.more["error"] = {"message": made.content[:2000], "code": "imported", "blame": "provider"}
    return made


def _text(value: Any) -> str:
    return values.text(mapping(value).get("value") if isinstance(value, dict) else value)


def _files(rows: list[Any], origin: Origin) -> list[Asset]:
    made = []
    for row in rows[:100]:
        row = mapping(row)
        path = values.line(row.get("filepath"), 400).lstrip("/")
        name = values.line(row.get("filename"), 160) or path.rpartition("/")[2]
        if name or path:
            made.append(origin.asset(path or name, name or "file"))
    return made
