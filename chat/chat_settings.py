"""The chat settings as a frozen value: `await chat_settings.current()`; in a thread `chat_settings.current_blocking()`.

They are `ChatSettings` without a query: cached for one version of the configuration, so an edit reaches every process
within a second. While the database is away, the last known value counts. Code that changes settings uses the row:
`ChatSettings.load()`.
"""

from dataclasses import dataclass, field

from chat.models import ChatSettings
from providers import runtime
from providers.catalogue.versioned import Versioned
from providers.fields import UNREADABLE


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


class SwitchesMemory(Versioned[None, Switches]):
    """The one row."""

    keeps = True


async def current() -> Switches:
    """The switches now; no thread hop while the configuration has not changed."""
    return await runtime.state(SwitchesMemory).value(None, _read)


def current_blocking() -> Switches:
    """The switches now, for synchronous code. In a transaction the row is read, with uncommitted changes, and not
    cached.
    """
    return runtime.state(SwitchesMemory).value_blocking(None, _read)


def _read() -> Switches:
    row = ChatSettings.objects.filter(pk=1).first() or ChatSettings()
    values = {name: getattr(row, name) for name in Switches.__slots__}
    if values["web_search_key"] == UNREADABLE:
        values["web_search_key"] = ""
    return Switches(**values)
