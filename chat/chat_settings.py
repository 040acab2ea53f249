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
class ChatSettingsFacts:
    """The columns of `ChatSettings`."""

    titles: bool
    follow_ups: bool
    summaries: bool
    tools: bool
    sharing: bool
    public_links: bool
    temporary_chats: bool
    assistants: bool
    prompts: bool
    share_with_groups: bool
    share_with_all: bool
    memory: bool
    web_search: bool
    web_search_url: str
    web_search_key: str = field(repr=False)
    web_search_results: int
    web_search_engine: str
    web_search_id: str
    web_search_pages: int
    web_search_characters: int
    attachment_budget: int
    embedding_model: str


class ChatSettingsMemory(Versioned[None, ChatSettingsFacts]):
    """The one row."""

    keeps = True


async def current() -> ChatSettingsFacts:
    """The settings now; no thread hop while the configuration has not changed."""
    return await runtime.state(ChatSettingsMemory).value(None, _read)


def current_blocking() -> ChatSettingsFacts:
    """The settings now, for synchronous code. In a transaction the row is read, with uncommitted changes, and not
    cached.
    """
    return runtime.state(ChatSettingsMemory).value_blocking(None, _read)


def _read() -> ChatSettingsFacts:
    row = ChatSettings.objects.filter(pk=1).first() or ChatSettings()
    values = {name: getattr(row, name) for name in ChatSettingsFacts.__slots__}
    if values["web_search_key"] == UNREADABLE:
        values["web_search_key"] = ""
    return ChatSettingsFacts(**values)
