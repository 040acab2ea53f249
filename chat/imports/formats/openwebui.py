"""Open WebUI's export: a list of chats, each with a tree of messages in `chat.history`, older ones with a plain list.

See docs/upstreams/exports.md, “Open WebUI”.
"""

import re
from typing import Any

from chat.imports import values
from chat.imports.formats.base import Format, Origin, data_url, without_empty
from chat.imports.values import Asset, ImportedChat, ImportedMessage, Unreadable, items, mapping
from chat.models import Message
from providers.sentences import sentence as _

LONGEST_URL = 100_000_000  # characters: a picture may be in its address
ROLES = {"user": Message.Role.USER, "assistant": Message.Role.ASSISTANT, "system": Message.Role.SYSTEM}
_DETAILS = re.compile(r'<details\s+type="(reasoning|tool_calls|code_interpreter)"')
_BLANK = re.compile(r"\s*")
_QUOTED = re.compile(r"^(?:&gt;|>) ?", re.MULTILINE)


class OpenWebUI(Format):
    name = "open-webui"
    label = "Open WebUI"

    def fits(self, item: Any) -> bool:
        chat = mapping(mapping(item).get("chat"))
        return isinstance(chat.get("history"), dict) or isinstance(chat.get("messages"), list)

    def read(self, item: dict[str, Any], origin: Origin) -> ImportedChat:
        chat = mapping(item["chat"])
        history = mapping(chat.get("history"))
        models = [values.line(model, 255) for model in items(chat.get("models")) if isinstance(model, str)]
        tree = mapping(history.get("messages"))
        listed = items(chat.get("messages"))
        if not tree and not listed:
            raise Unreadable(_("The export has no messages of this chat."))
        if max(len(tree), len(listed)) > values.MAX_MESSAGES:
            raise Unreadable(_("This chat has too many messages: at most %d.") % values.MAX_MESSAGES)
        default = models[0] if models else ""
        if tree:
            messages = [_message(str(key), mapping(row), origin, default) for key, row in tree.items()]
            leaf = values.text(history.get("currentId"), values.MAX_KEY) or None
        else:
            messages = _in_a_row(listed, origin, default)
            leaf = messages[-1].key if messages else None
        filled, leaf = without_empty(messages, leaf)
        times = [row.created for row in filled if row.created]
        created = values.moment(item.get("created_at")) or values.moment(chat.get("timestamp"))
        return ImportedChat(
            key=values.line(item.get("id") or chat.get("id"), values.MAX_KEY),
            title=values.line(item.get("title") or chat.get("title"), values.MAX_TITLE),
            messages=filled,
            leaf=leaf,
            model=default,
            created=created or min(times, default=None),
            archived=item.get("archived") is True,
            pinned=item.get("pinned") is True,
            updated=values.moment(item.get("updated_at")) or max(times, default=None),
        )


def _in_a_row(rows: list[Any], origin: Origin, model: str) -> list[ImportedMessage]:
    """The messages of an older export: a list, whose messages need not name the one above them."""
    made: list[ImportedMessage] = []
    keys: set[str] = set()
    for number, row in enumerate(rows):
        message = _message(f"{number}", mapping(row), origin, model)
        if message.parent not in keys:
            message.parent = made[-1].key if made else None
        keys.add(message.key)
        made.append(message)
    return made


def _message(key: str, row: dict[str, Any], origin: Origin, model: str) -> ImportedMessage:
    role = ROLES.get(values.text(row.get("role"), 20), Message.Role.ASSISTANT)
    made = ImportedMessage(
        key=values.line(row.get("id"), values.MAX_KEY) or key[: values.MAX_KEY],
        parent=values.line(row.get("parentId"), values.MAX_KEY) or None,
        role=role,
        created=values.moment(row.get("timestamp")),
    )
    content, reasoning = _split(_plain(row.get("content")))
    if output := items(row.get("output")):
        parts = [_output(mapping(part)) for part in output]
        reasoning = "\n\n".join(text for kind, text in parts if kind == "reasoning" and text) or reasoning
        content = "\n\n".join(text for kind, text in parts if kind == "message" and text) or content
    made.content, made.reasoning = content, reasoning
    if role == Message.Role.ASSISTANT:
        made.model = values.line(row.get("model"), 255) or model
        if row.get("error"):
            message = mapping(row["error"]).get("content") if isinstance(row["error"], dict) else row["error"]
            made.status = Message.Status.FAILED
            made.content = made.content or values.text(message, 4000)
            made.more["error"] = {"message": values.text(message, 2000), "code": "imported", "blame": "provider"}
    made.assets = [asset for file in items(row.get("files"))[:100] if (asset := _asset(mapping(file), origin))]
    for part in items(row.get("content")):
        url = values.text(mapping(mapping(part).get("image_url")).get("url"), LONGEST_URL)
        if url.startswith("data:"):
            made.assets.append(Asset("picture", lambda url=url: data_url(url)))  # type: ignore[misc]
    for group in items(row.get("sources"))[:100]:
        made.sources += _sources(mapping(group))
    return made


def _plain(content: Any) -> str:
    """A message's text, which may be given in parts."""
    if isinstance(content, list):
        return "\n\n".join(values.text(mapping(part).get("text")) for part in content)
    return values.text(content)


def _split(content: str) -> tuple[str, str]:
    """The text without the details of thoughts and tools in it, and the thoughts."""
    texts: list[str] = []
    thoughts: list[str] = []
    at = 0
    while match := _DETAILS.search(content, at):
        begin = content.find(">", match.end())
        end = content.find("</details>", begin)
        if min(begin, end) < 0:
            break  # nothing ends behind it: a regular expression would look again from each further beginning
        texts.append(content[at : match.start()])
        if match[1] == "reasoning":
            thoughts.append(_QUOTED.sub("", _without_summaries(content[begin + 1 : end]).strip()))
        at = _after_blanks(content, end + len("</details>"))
    return "".join([*texts, content[at:]]).strip("\n"), "\n\n".join(thoughts)


def _without_summaries(text: str) -> str:
    texts: list[str] = []
    at = 0
    while (begin := text.find("<summary>", at)) >= 0 and (end := text.find("</summary>", begin)) >= 0:
        texts.append(text[at:begin])
        at = end + len("</summary>")
    return "".join([*texts, text[at:]])


def _after_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _output(part: dict[str, Any]) -> tuple[str, str]:
    texts = [
        values.text(mapping(piece).get("text")) for piece in items(part.get("content")) or items(part.get("summary"))
    ]
    return values.text(part.get("type"), 40), "\n\n".join(text for text in texts if text)


def _asset(file: dict[str, Any], origin: Origin) -> Asset | None:
    inner = mapping(file.get("file"))
    name = values.line(file.get("name") or inner.get("filename"), 160)
    url = file.get("url") if isinstance(file.get("url"), str) else ""
    if isinstance(url, str) and url.startswith("data:"):
        return Asset(name or "picture", lambda: data_url(url))
    words = values.text(mapping(inner.get("data")).get("content"))
    if words:  # the export has the text of a document, not the document
        return Asset(name if name.endswith((".txt", ".md", ".csv")) else f"{name or 'document'}.txt", words.encode)
    if file.get("type") in ("image", "file") or url:
        entry = values.line(url or "", 400).rpartition("/")[2]
        return origin.asset(entry, name or entry or "file")
    return None


def _sources(group: dict[str, Any]) -> list[dict[str, str]]:
    made = []
    named = values.line(mapping(group.get("source")).get("name"), 300)
    for meta in items(group.get("metadata"))[:20]:
        url = values.line(mapping(meta).get("source"), 2000)
        if url.startswith(("https://", "http://")):
            made.append({"url": url, "title": values.line(mapping(meta).get("name"), 300) or named or url})
    return made
