"""What a row of the table of formats is, and what several of them need."""

import base64
import binascii
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from chat.imports.source import ExportSource
from chat.imports.values import Asset, ImportedChat, ImportedMessage

LONGEST_HEAD = 1000  # characters of a data URL in front of its data
Own = Callable[[str], bytes | None]  # the bytes of a file that the person has here, by its address


class Origin:
    """Where an item stands: the source, the path of its document, and the files that the person has here."""

    def __init__(self, source: ExportSource, path: str, own: Own) -> None:
        self.source, self.path, self.own = source, path, own

    def asset(self, path: str, name: str, **values: Any) -> Asset:
        """A file by its path in the archive, or by the id that its name begins with."""
        entry = self.source.find(path, self.path)
        return Asset(name, lambda: self.source.read(entry), origin=entry, **values)


class Format(ABC):
    """A kind of export. `paths` are the names of its documents in an archive."""

    name: ClassVar[str]
    label: ClassVar[str]  # as its makers write it
    paths: ClassVar[tuple[re.Pattern[str], ...]] = ()

    @abstractmethod
    def fits(self, item: Any) -> bool:
        """Whether this is a chat of this format."""

    @abstractmethod
    def read(self, item: dict[str, Any], origin: Origin) -> ImportedChat:
        """The chat. Raises Unreadable."""


def data_url(url: str) -> bytes | None:
    """The bytes in a data URL; None for another address, and for what is no base64."""
    comma = url.find(",", 0, LONGEST_HEAD)
    if comma < 0 or not (url.startswith("data:") and url.endswith(";base64", 0, comma)):
        return None
    try:
        return base64.b64decode(url[comma + 1 :], validate=False)
    except (binascii.Error, ValueError):
        return None


def without_empty(messages: list[ImportedMessage], leaf: str | None) -> tuple[list[ImportedMessage], str | None]:
    """The messages that hold anything, and the last one that is shown of these: what was below an empty message is
    below what was above it.
    """
    parents = {message.key: message.parent for message in messages}
    filled = {message.key for message in messages if not message.is_empty}
    known: dict[str, str | None] = {}
    for message in messages:
        message.parent = ancestor(message.parent, parents, filled, known)
    return [message for message in messages if message.key in filled], ancestor(leaf, parents, filled, known)


def ancestor(
    key: str | None, parents: dict[str, str | None], filled: set[str], known: dict[str, str | None] | None = None
) -> str | None:
    """The nearest message upwards, from this one on, that is kept. `known` remembers those of messages on the way."""
    known = {} if known is None else known
    way: dict[str, None] = {}
    while key is not None and key not in filled and key not in way and key not in known:
        way[key] = None
        key = parents.get(key)
    nearest = None if key is None else known.get(key, key if key in filled else None)
    known.update(dict.fromkeys(way, nearest))
    return nearest
