"""ChatGPT's export: `conversations.json`, later `conversations-000.json` and on, in a ZIP archive with the pictures.

A conversation is a tree of nodes, `mapping`; the shown branch ends at `current_node`. One answer is a chain of nodes:
thoughts, code, what the code printed, what was searched, texts. See docs/upstreams/exports.md, “ChatGPT”.
"""

import re
from typing import Any

import orjson

from chat.imports import values
from chat.imports.formats.base import Format, Origin, ancestor, without_empty
from chat.imports.values import Asset, ImportedChat, ImportedMessage, Unreadable, items, mapping
from chat.models import Message
from providers.sentences import sentence as _

NAMES = "conversation_asset_file_names.json"  # what people called their files, by the names in the archive
HIDDEN_TYPES = ("user_editable_context", "model_editable_context", "system_error", "tether_browsing_display")
_POINTER = re.compile(r"^(?:file-service|sediment)://(?:[\w-]+#)?(file[-_][A-Za-z0-9]+|[\w-]+)")
_MARK = re.compile("\ue200[^\ue200\ue201]{0,2000}\ue201|[\ue200-\ue206]")  # places of citations, in private characters
_BRACKET = re.compile(r"【\d{1,4}(?::\d{1,4})?†[^【】]{0,200}】")
ANSWERING = ("assistant", "tool")  # the authors whose nodes make one answer


class ChatGPT(Format):
    name = "chatgpt"
    label = "ChatGPT"
    paths = (re.compile(r"(^|/)conversations(-\d{1,6})?\.json$"),)

    def fits(self, item: Any) -> bool:
        return isinstance(item, dict) and (
            isinstance(item.get("mapping"), dict) or {"conversation_id", "default_model_slug"} <= item.keys()
        )

    def read(self, item: dict[str, Any], origin: Origin) -> ImportedChat:
        nodes = mapping(item.get("mapping"))
        if not nodes:
            raise Unreadable(_("The export has no messages of this chat."))
        if len(nodes) > 4 * values.MAX_MESSAGES:
            raise Unreadable(_("This chat has too many messages: at most %d.") % values.MAX_MESSAGES)
        default = values.line(item.get("default_model_slug"), 255)
        messages = _Reader(nodes, origin, default).messages()
        parents = {str(key): _parent(node) for key, node in nodes.items()}
        holders = {key: message.key for message, keys in messages for key in keys}
        leaf = ancestor(values.text(item.get("current_node"), 200) or None, parents, set(holders))
        filled, shown = without_empty([message for message, _keys in messages], holders.get(leaf or ""))
        return ImportedChat(
            key=values.line(item.get("conversation_id") or item.get("id"), values.MAX_KEY),
            title=values.line(item.get("title"), values.MAX_TITLE),
            messages=filled,
            leaf=shown,
            model=default,
            created=values.moment(item.get("create_time")),
            updated=values.moment(item.get("update_time")),
            archived=item.get("is_archived") is True,
            pinned=item.get("is_starred") is True,
        )


def _parent(node: Any) -> str | None:
    return values.text(mapping(node).get("parent"), 200) or None


class _Reader:
    """The nodes of a conversation as messages: a question each, and one for each chain of nodes of an answer."""

    def __init__(self, nodes: dict[str, Any], origin: Origin, default_model: str) -> None:
        self.nodes, self.origin, self.default_model = nodes, origin, default_model
        self.file_names = _file_names(origin)
        self.known: dict[str, Asset] = {}  # files of the message that is read, by what points to them

    def messages(self) -> list[tuple[ImportedMessage, list[str]]]:
        """Each message with the keys of its nodes, parents first."""
        made: list[tuple[ImportedMessage, list[str]]] = []
        seen: set[str] = set()
        roots = [key for key, node in self.nodes.items() if _parent(node) not in self.nodes]
        todo: list[tuple[str, str | None]] = [(key, None) for key in reversed(roots)]
        while todo:
            key, parent = todo.pop()
            if key in seen:
                continue
            chain = self._chain(key, seen)
            message = self._message(chain, parent)
            if message is not None:
                made.append((message, chain))
            above = message.key if message is not None else parent
            todo += [(child, above) for child in reversed(self._children(chain[-1]))]
        return made

    def _chain(self, key: str, seen: set[str]) -> list[str]:
        """This node, and those below it that belong to the same answer."""
        chain = [key]
        seen.add(key)
        while self._speaker(key) in ANSWERING:
            below = [child for child in self._children(key) if child not in seen]
            if len(below) != 1 or self._speaker(below[0]) not in (*ANSWERING, "system"):
                break
            key = below[0]
            chain.append(key)
            seen.add(key)
            if self._speaker(key) == "system":  # a note inside an answer: the chain goes on behind it, or ends
                after = self._children(key)
                if len(after) != 1 or self._speaker(after[0]) not in ANSWERING:
                    break
                key = after[0]
                chain.append(key)
                seen.add(key)
        return chain

    def _children(self, key: str) -> list[str]:
        children = mapping(self.nodes.get(key)).get("children")
        return [child for child in items(children) if isinstance(child, str) and child in self.nodes]

    def _inner(self, key: str) -> dict[str, Any]:
        return mapping(mapping(self.nodes.get(key)).get("message"))

    def _speaker(self, key: str) -> str:
        return values.text(mapping(self._inner(key).get("author")).get("role"), 20)

    def _message(self, chain: list[str], parent: str | None) -> ImportedMessage | None:
        speaker = self._speaker(chain[0])
        if speaker not in ("user", *ANSWERING):
            return None
        role = Message.Role.USER if speaker == "user" else Message.Role.ASSISTANT
        made = ImportedMessage(chain[0][: values.MAX_KEY], parent, role)
        self.known = {}
        texts: list[str] = []
        thoughts: list[str] = []
        for key in chain:
            inner = self._inner(key)
            meta = mapping(inner.get("metadata"))
            made.created = made.created or values.moment(inner.get("create_time"))
            if role == Message.Role.ASSISTANT and self._speaker(key) == "assistant":
                made.model = values.line(meta.get("model_slug"), 255) or made.model
            if meta.get("is_visually_hidden_from_conversation") or self._speaker(key) == "system":
                continue
            self._take(inner, meta, made, texts, thoughts)
        if role == Message.Role.ASSISTANT:
            made.model = made.model or self.default_model
        made.content = "\n\n".join(part for part in texts if part.strip())[: values.MAX_CHARACTERS]
        made.reasoning = "\n\n".join(thoughts)[: values.MAX_CHARACTERS]
        return made

    def _take(
        self, inner: dict[str, Any], meta: dict[str, Any], made: ImportedMessage, texts: list[str], thoughts: list[str]
    ) -> None:
        """Add what one node holds to the message."""
        content = mapping(inner.get("content"))
        kind = content.get("content_type")
        is_tool = mapping(inner.get("author")).get("role") == "tool"
        if kind in HIDDEN_TYPES:
            return
        if kind == "thoughts":
            for thought in items(content.get("thoughts")):
                parts = [values.text(mapping(thought).get(name)) for name in ("summary", "content")]
                thoughts.append("\n\n".join(f"**{part}**" if not i else part for i, part in enumerate(parts) if part))
        elif kind == "reasoning_recap":
            return  # “Thought for 12 seconds”
        elif kind == "code":
            texts.append(_fenced(values.text(content.get("text")), values.line(content.get("language"), 30)))
        elif kind in ("execution_output", "computer_output", "citable_code_output"):
            texts.append(_fenced(values.text(content.get("text") or content.get("output_str")), ""))
        elif kind == "tether_quote":
            made.sources += [source for source in [_source(content)] if source]
            if not is_tool:
                texts.append("\n".join(f"> {row}" for row in values.text(content.get("text")).splitlines()))
        elif isinstance(content.get("parts"), list):
            self._parts(content["parts"], meta, made, texts, shows_text=not is_tool)
        elif not is_tool:
            texts.append(values.text(content.get("text") or content.get("result")))
        self._attachments(meta, made)
        for source in _sources(meta):
            if len(made.sources) < values.MAX_SOURCES and source not in made.sources:
                made.sources.append(source)

    def _parts(
        self, parts: list[Any], meta: dict[str, Any], made: ImportedMessage, texts: list[str], *, shows_text: bool
    ) -> None:
        for part in parts[:1000]:
            if isinstance(part, str):
                if shows_text:
                    texts.append(_cited(values.text(part), meta))
                continue
            part = mapping(part)
            kind = str(part.get("content_type") or "")
            if kind == "audio_transcription":
                texts.append(values.text(part.get("text")))
            elif kind == "image_asset_pointer":
                facts = mapping(mapping(part.get("metadata")).get("dalle"))
                prompt = values.text(facts.get("prompt"), 4000)
                self._add(made, part.get("asset_pointer"), {"prompt": prompt} if prompt else {})
            elif isinstance(part.get("text"), str) and shows_text:
                texts.append(values.text(part["text"]))

    def _attachments(self, meta: dict[str, Any], made: ImportedMessage) -> None:
        for attached in items(meta.get("attachments"))[:100]:
            attached = mapping(attached)
            pointer = values.text(attached.get("id"), 200)
            self._add(made, f"file-service://{pointer}", {}, values.line(attached.get("name"), 160))

    def _add(self, made: ImportedMessage, pointer: Any, provenance: dict[str, Any], name: str = "") -> None:
        match = _POINTER.match(values.text(pointer, 400))
        if match is None:
            return
        key = match[1]
        if known := self.known.get(key):  # a picture is a part and an attachment
            known.name = name or known.name
            return
        if len(made.assets) >= values.MAX_ASSETS:
            return
        entry = self.origin.source.find(key, self.origin.path)
        called = self.file_names.get(entry.rpartition("/")[2], "").rpartition("/")[2]
        plain = re.sub(rf"^{re.escape(key)}[-.]?", "", entry.rpartition("/")[2])
        self.known[key] = Asset(
            name or called or plain or key, lambda: self.origin.source.read(entry), key, entry, provenance
        )
        made.assets.append(self.known[key])


def _file_names(origin: Origin) -> dict[str, str]:
    if not origin.source.names:
        try:
            read = orjson.loads(origin.source.small_document(NAMES) or b"{}")
        except orjson.JSONDecodeError:
            read = {}
        origin.source.names = {
            str(name).rpartition("/")[2]: values.line(called, 400) for name, called in mapping(read).items()
        } or {"": ""}
    return origin.source.names


def _fenced(code: str, language: str) -> str:
    if not code.strip():
        return ""
    language = "" if language in ("unknown", "text") else language
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    return f"{fence}{language}\n{code.strip()}\n{fence}"


def _cited(text: str, meta: dict[str, Any]) -> str:
    """The text with links in place of the marks of citations."""
    links: dict[str, str] = {}
    for reference in items(meta.get("content_references"))[:500]:
        reference = mapping(reference)
        links.setdefault(values.text(reference.get("matched_text"), 3000), values.text(reference.get("alt"), 4000))
    return _BRACKET.sub("", values.replaced(text, _MARK, lambda mark: links.get(mark, ""))).rstrip()


def _sources(meta: dict[str, Any]) -> list[dict[str, str]]:
    pages: list[Any] = []
    for reference in items(meta.get("content_references"))[:500]:
        reference = mapping(reference)
        pages += items(reference.get("items")) + items(reference.get("sources"))
    pages += [mapping(mapping(citation).get("metadata")) for citation in items(meta.get("citations"))[:500]]
    return [source for page in pages[:100] if (source := _source(mapping(page)))]


def _source(page: dict[str, Any]) -> dict[str, str] | None:
    url = values.line(page.get("url"), 2000)
    if not url.startswith(("https://", "http://")):
        return None
    return {"url": url, "title": values.line(page.get("title"), 300) or url}
