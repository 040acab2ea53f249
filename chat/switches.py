"""What conversations offer, as a frozen value: `await switches.current()`; in a thread `switches.current_blocking()`.

It is `ChatSettings` without a query: cached by the configuration's version, so an edit is everywhere within a second.
A database that is away keeps the value that is known. Who writes settings takes the row: `ChatSettings.load()`.
"""

import logging
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, connection

from chat.loop import in_thread
from chat.models import ChatSettings
from providers import catalogue
from providers.fields import UNREADABLE

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Switches:
    """The columns of `ChatSettings`."""

    titles: bool
    follow_ups: bool
    tools: bool
    sharing: bool
    temporary_chats: bool
    memory: bool
    web_search: bool
    web_search_url: str
    web_search_key: str = field(repr=False)
    web_search_results: int
    attachment_budget: int


_known: tuple[int, Switches] | None = None  # the version it was read at


async def current() -> Switches:
    """The switches now; no thread hop while the configuration has not changed."""
    version = (await catalogue.snapshot()).version
    known = _known
    if known is not None and known[0] == version:
        return known[1]
    return await in_thread(_load, version)


def current_blocking() -> Switches:
    """The same for synchronous code. Inside a transaction it is read anew, with that one's changes, and not kept."""
    if connection.in_atomic_block:
        return _read()
    version = catalogue.snapshot_blocking().version
    known = _known
    if known is not None and known[0] == version:
        return known[1]
    return _load(version)


def forget() -> None:
    """Read the row again before the next answer."""
    global _known
    _known = None


def _load(version: int) -> Switches:
    """`version` was read before the row is, so a change meanwhile makes the next look read again."""
    global _known
    try:
        found = _read()
    except (DatabaseError, InterfaceError) as error:
        if _known is None:
            raise
        logger.warning("The chat settings cannot be read, going on with what is known: %s", error)
        return _known[1]
    _known = (version, found)
    return found


def _read() -> Switches:
    row = ChatSettings.objects.filter(pk=1).first() or ChatSettings()
    values = {name: getattr(row, name) for name in Switches.__slots__}
    if values["web_search_key"] == UNREADABLE:
        values["web_search_key"] = ""
    return Switches(**values)
