"""Rows of chats: chats, messages, folders, files, shares, memories, settings, transfers, drafts, queued messages,
tools, search, assistants, saved prompts, documents that are searched.
"""

from chat.models.assistants import Assistant
from chat.models.chat_settings import MAX_ATTACHED, ChatSettings
from chat.models.chats import Chat, Message
from chat.models.comparisons import ComparedAnswer, Comparison
from chat.models.drafts import Draft, QueuedMessage
from chat.models.feedback import Feedback
from chat.models.files import File
from chat.models.folders import Folder
from chat.models.inputs import ModelInput
from chat.models.memories import Memory
from chat.models.prompts import Prompt
from chat.models.push import PushDevice, PushKey
from chat.models.search import DocumentChunk, DocumentIndex, SearchEntry
from chat.models.shares import Share
from chat.models.summaries import Summary
from chat.models.tool_servers import ToolAllowance, ToolGrant, ToolServer
from chat.models.transfers import Transfer

__all__ = [
    "MAX_ATTACHED",
    "Assistant",
    "Chat",
    "ChatSettings",
    "ComparedAnswer",
    "Comparison",
    "DocumentChunk",
    "DocumentIndex",
    "Draft",
    "Feedback",
    "File",
    "Folder",
    "Memory",
    "Message",
    "ModelInput",
    "Prompt",
    "PushDevice",
    "PushKey",
    "QueuedMessage",
    "SearchEntry",
    "Share",
    "Summary",
    "ToolAllowance",
    "ToolGrant",
    "ToolServer",
    "Transfer",
]
