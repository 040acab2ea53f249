"""The chat in the administration, one file per list."""

from chat.admin.chats import ChatAdmin
from chat.admin.files import FileAdmin
from chat.admin.settings import ChatSettingsAdmin

__all__ = [
    "ChatAdmin",
    "ChatSettingsAdmin",
    "FileAdmin",
]
