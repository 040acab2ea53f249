"""This site's own exports: a chat as JSON, a chat with its files as ZIP, and everything that a person has as ZIP."""

import re
from typing import Any
from urllib.parse import quote, unquote

import orjson

from chat import file_addresses
from chat.files import folders
from chat.imports import values
from chat.imports.formats.base import Format, Origin
from chat.imports.values import Asset, ImportedChat, ImportedFolder, ImportedMessage, Unreadable, items, mapping
from chat.models import Message
from chat.rules import RulesSerializer
from providers.sentences import sentence as _

ROLES = set(Message.Role.values)
ENDED = set(Message.Status.values) - set(Message.RUNNING)
NUMBERS = ("reasoning_ms", "first_token_ms", "duration_ms")
MAX_INTEGER = 2**31 - 1
FOLDERS = "folders.json"  # names and instructions of folders, with the ids of their chats


class Ours(Format):
    name = "ours"
    label = ""  # the name of the site
    paths = (re.compile(r"(^|/)chat\.json$"),)

    def fits(self, item: Any) -> bool:
        return (
            isinstance(item, dict) and isinstance(item.get("messages"), list) and {"id", "leaf", "title"} <= item.keys()
        )

    def read(self, item: dict[str, Any], origin: Origin) -> ImportedChat:
        rows = items(item["messages"])
        if len(rows) > values.MAX_MESSAGES:
            raise Unreadable(_("This chat has too many messages: at most %d.") % values.MAX_MESSAGES)
        return ImportedChat(
            key=values.line(item.get("id"), values.MAX_KEY),
            title=values.line(item.get("title"), values.MAX_TITLE),
            messages=[_message(mapping(row), origin) for row in rows],
            leaf=values.line(item.get("leaf"), values.MAX_KEY) or None,
            model=values.line(item.get("model"), 255),
            created=values.moment(item.get("created")),
            updated=values.moment(item.get("updated")),
            archived=bool(item.get("archived") or item.get("archived_at")),
            pinned=bool(item.get("pinned") or item.get("pinned_at")),
            rules=_rules(mapping(item.get("rules"))),
            folder=_folder(item, origin),
        )


def _rules(given: dict[str, Any]) -> dict[str, Any]:
    """Those of the rules that are valid here."""
    rules: dict[str, Any] = {}
    for name in given.keys() & RulesSerializer().fields.keys():
        serializer = RulesSerializer(data={name: given[name]})
        if serializer.is_valid():
            rules.update(serializer.validated_data)
    return rules


def _folder(item: dict[str, Any], origin: Origin) -> ImportedFolder | None:
    if not isinstance(item.get("folder"), str):
        return None
    source = origin.source
    if source.folders is None:
        try:
            read = orjson.loads(source.small_document(FOLDERS) or b"[]")
        except orjson.JSONDecodeError:
            read = []
        listed = [mapping(row) for row in items(read)]
        source.folders = {str(chat): row for row in listed for chat in items(row.get("chats"))}
    facts = mapping(source.folders.get(str(item.get("id"))))
    return ImportedFolder(
        values.line(item["folder"], values.MAX_KEY),
        values.line(facts.get("name"), folders.LONGEST_NAME),
        values.text(facts.get("prompt"), folders.MOST_CHARACTERS),
    )


def _message(row: dict[str, Any], origin: Origin) -> ImportedMessage:
    role, status = values.text(row.get("role"), 20), values.text(row.get("status"), 20)
    if role not in ROLES or not isinstance(row.get("id"), str):
        raise Unreadable(_("A message of this chat is of no known kind."))
    more: dict[str, Any] = {
        name: row[name]
        for name in NUMBERS
        if isinstance(row.get(name), int) and not isinstance(row[name], bool) and 0 <= row[name] <= MAX_INTEGER
    }
    more["follow_ups"] = [values.line(text, 300) for text in items(row.get("follow_ups"))[:10] if isinstance(text, str)]
    if error := mapping(row.get("error")):
        more["error"] = {name: values.text(error.get(name), 4000) for name in ("message", "code", "blame", "provider")}
    steps = [mapping(step) for step in items(row.get("status_history"))]
    made = ImportedMessage(
        key=values.line(row["id"], values.MAX_KEY),
        parent=values.line(row.get("parent"), values.MAX_KEY) or None,
        role=role,
        content=values.text(row.get("content")),
        reasoning=values.text(row.get("reasoning")),
        model=values.line(row.get("model"), 255),
        created=values.moment(row.get("created")),
        status=status if status in ENDED else Message.Status.INTERRUPTED,
        sources=[source for step in steps[:100] for source in _sources(step)],
        more=more,
    )
    made.assets = [_asset(mapping(file), origin) for file in items(row.get("files"))[:100]]
    return made


def _sources(step: dict[str, Any]) -> list[dict[str, str]]:
    pages = [mapping(page) for page in items(step.get("sources"))[:100]]
    made = [{"url": values.line(page.get("url"), 2000), "title": values.line(page.get("title"), 300)} for page in pages]
    return [page for page in made if page["url"].startswith(("https://", "http://"))]


def _asset(file: dict[str, Any], origin: Origin) -> Asset:
    """A file by its place in the archive, or by its address here, where the person still has it."""
    url = values.line(file.get("url"), 400)
    name = values.line(file.get("name"), 160) or "file"
    facts = mapping(file.get("provenance"))
    provenance = {key: values.text(facts.get(key), 4000) for key in ("prompt", "model", "engine") if facts.get(key)}
    if file_id := file_addresses.named_id(url):
        address = file_addresses.content_address(file_id)
        return Asset(name, lambda: origin.own(file_id), text=address, origin=address, provenance=provenance)
    return origin.asset(unquote(url), name, text=quote(unquote(url)), provenance=provenance)
