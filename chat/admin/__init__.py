"""The administration of chats, files, transfers, chat settings and tool servers."""

from chat.admin.chats import ChatAdmin
from chat.admin.comparisons import ComparisonAdmin
from chat.admin.feedback import FeedbackAdmin
from chat.admin.files import FileAdmin
from chat.admin.settings import ChatSettingsAdmin
from chat.admin.tool_servers import ToolServerAdmin
from chat.admin.transfers import TransferAdmin

__all__ = [
    "ChatAdmin",
    "ChatSettingsAdmin",
    "ComparisonAdmin",
    "FeedbackAdmin",
    "FileAdmin",
    "ToolServerAdmin",
    "TransferAdmin",
]
