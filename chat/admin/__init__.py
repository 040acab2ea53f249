"""The administration of chats, files and chat settings."""

from chat.admin.chats import ChatAdmin
from chat.admin.files import FileAdmin
from chat.admin.settings import ChatSettingsAdmin

__all__ = [
    "ChatAdmin",
    "ChatSettingsAdmin",
    "FileAdmin",
]
