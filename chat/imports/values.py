"""A chat on its way in, whatever it comes from."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chat.models import Message
from providers import json_bodies

MAX_TITLE = 200
MAX_KEY = 200
MAX_CHARACTERS = 2_000_000  # of one message
MAX_MESSAGES = 20_000  # of one chat
MAX_SOURCES = 100  # pages that one message names
MAX_ASSETS = 1000  # files of one message
UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))  # nanoseconds, microseconds, milliseconds
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

Opened = Callable[[], bytes | None]  # the bytes of a file, None where they are not there


class Unreadable(Exception):
    """Why a chat cannot be read: a text for people."""


@dataclass(slots=True)
class Asset:
    """A file of a message. `read` gives its bytes; `text` is what stands for it in the content, if anything does.

    Assets with the same `origin` have the same bytes; without one nothing is known of that.
    """

    name: str
    read: Opened
    text: str = ""
    origin: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ImportedMessage:
    key: str
    parent: str | None
    role: str
    content: str = ""
    reasoning: str = ""
    model: str = ""
    created: datetime | None = None
    status: str = Message.Status.DONE
    sources: list[dict[str, str]] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)  # further columns of the row

    @property
    def is_empty(self) -> bool:
        return not (self.content.strip() or self.reasoning.strip() or self.assets)


@dataclass(slots=True)
class ImportedFolder:
    """The folder of a chat: the person's own of this id, or else of this name."""

    id: str = ""
    name: str = ""
    prompt: str = ""


@dataclass(slots=True)
class ImportedChat:
    key: str
    title: str
    messages: list[ImportedMessage]
    leaf: str | None = None  # the key of the last message that is shown
    model: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    archived: bool = False
    pinned: bool = False
    rules: dict[str, Any] = field(default_factory=dict)  # as `chat.rules` checks them
    folder: ImportedFolder | None = None


# --- reading values of JSON that may be anything ----------------------------------------------------------------------


def text(value: Any, limit: int = MAX_CHARACTERS) -> str:
    """The text, as it can be stored; empty for anything else."""
    return str(json_bodies.storable(value))[:limit] if isinstance(value, str) else ""


def line(value: Any, limit: int) -> str:
    return " ".join(text(value, 10 * limit).split())[:limit]


def replaced(content: str, pattern: re.Pattern[str], replacement: Callable[[str], str]) -> str:
    """The text with other words for what fits the pattern, in one pass; no longer than a message may be."""
    parts: list[str] = []
    at, length = 0, 0
    for match in pattern.finditer(content):
        parts += [content[at : match.start()], replacement(match[0])]
        at, length = match.end(), length + len(parts[-1]) + len(parts[-2])
        if length > MAX_CHARACTERS:
            break
    return "".join([*parts, content[at:]])[:MAX_CHARACTERS]


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def moment(value: Any) -> datetime | None:
    """A time: seconds, milliseconds or nanoseconds since 1970, or as ISO 8601 has it; None for anything else."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)  # numbers beyond the year 5000 are of a smaller unit
            unit = next((unit for least, unit in UNITS if seconds > least), 1)
            seconds /= unit
            read = datetime.fromtimestamp(seconds, UTC)
        elif isinstance(value, str):
            read = datetime.fromisoformat(value[:40])
            read = read if read.tzinfo else read.replace(tzinfo=UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return read if EARLIEST <= read <= LATEST else None
