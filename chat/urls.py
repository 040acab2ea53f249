"""The routes of chats and messages; those of the rest stand in the packages that serve them."""

from django.urls import include, path

from chat import api
from chat.folders.api import BulkChange, Trash
from chat.temporary.api import KeepChat

CHATS = "api/v1/chats/"
CHAT = f"{CHATS}<str:chat_id>"
MESSAGE = f"{CHAT}/messages/<str:message_id>"

urlpatterns = [
    path(CHATS, api.ChatList.as_view(), name="chat-list"),
    path(f"{CHATS}keep", KeepChat.as_view(), name="chat-keep"),  # before the routes that take any id
    path(f"{CHATS}bulk", BulkChange.as_view(), name="chat-bulk"),
    path(f"{CHATS}trash", Trash.as_view(), name="chat-trash"),
    path(CHAT, api.ChatDetail.as_view(), name="chat-detail"),
    path(f"{CHAT}/restore", api.RestoreChat.as_view(), name="chat-restore"),
    path(f"{CHAT}/export", api.ExportChat.as_view(), name="chat-export"),
    path(f"{CHAT}/export.md", api.ExportChatAsMarkdown.as_view(), name="chat-export-markdown"),
    path(f"{CHAT}/export.zip", api.ExportChatWithFiles.as_view(), name="chat-export-zip"),
    path(f"{CHAT}/messages", api.MessageList.as_view(), name="message-list"),
    path(MESSAGE, api.MessageDetail.as_view(), name="message-detail"),
    path(f"{MESSAGE}/regenerate", api.Regenerate.as_view(), name="message-regenerate"),
    path(f"{MESSAGE}/edit", api.EditMessage.as_view(), name="message-edit"),
    path(f"{MESSAGE}/continue", api.ContinueAnswer.as_view(), name="message-continue"),
    path(f"{MESSAGE}/revise", api.ReviseAnswer.as_view(), name="message-revise"),
    path(f"{MESSAGE}/select", api.SelectBranch.as_view(), name="message-select"),
    path(f"{MESSAGE}/stop", api.StopReply.as_view(), name="message-stop"),
    path("api/v1/search", api.Search.as_view(), name="search"),
    path("api/v1/preferences", api.Preferences.as_view(), name="preferences"),
    path("", include("chat.belongings.urls")),
    path("", include("chat.assistants.urls")),
    path("", include("chat.branches.urls")),
    path("", include("chat.comparisons.urls")),
    path("", include("chat.completions.urls")),
    path("", include("chat.drafts.urls")),
    path("", include("chat.feedback.urls")),
    path("", include("chat.files.urls")),
    path("", include("chat.folders.urls")),
    path("", include("chat.memory.urls")),
    path("", include("chat.queued.urls")),
    path("", include("chat.sandbox.urls")),
    path("", include("chat.prompts.urls")),
    path("", include("chat.sharing.urls")),
    path("", include("chat.summaries.urls")),
    path("", include("chat.tasks.urls")),
    path("", include("chat.notices.urls")),
    path("", include("chat.tool_servers.urls")),
    path("", include("chat.pages.urls")),
]
