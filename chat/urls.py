"""The routes of chats and messages; those of the rest stand in the packages that serve them."""

from django.urls import include, path

from chat import api
from chat.temporary.api import KeepChat

CHATS = "api/v1/chats/"
CHAT = f"{CHATS}<str:chat_id>"
MESSAGE = f"{CHAT}/messages/<str:message_id>"

urlpatterns = [
    path(CHATS, api.ChatList.as_view(), name="chat-list"),
    path(f"{CHATS}keep", KeepChat.as_view(), name="chat-keep"),  # before the routes that take any id
    path(CHAT, api.ChatDetail.as_view(), name="chat-detail"),
    path(f"{CHAT}/restore", api.RestoreChat.as_view(), name="chat-restore"),
    path(f"{CHAT}/export", api.ExportChat.as_view(), name="chat-export"),
    path(f"{CHAT}/export.md", api.ExportChatAsMarkdown.as_view(), name="chat-export-markdown"),
    path(f"{CHAT}/export.zip", api.ExportChatWithFiles.as_view(), name="chat-export-zip"),
    path(f"{CHAT}/messages", api.MessageList.as_view(), name="message-list"),
    path(MESSAGE, api.MessageDetail.as_view(), name="message-detail"),
    path(f"{MESSAGE}/regenerate", api.Regenerate.as_view(), name="message-regenerate"),
    path(f"{MESSAGE}/edit", api.EditMessage.as_view(), name="message-edit"),
    path(f"{MESSAGE}/select", api.SelectBranch.as_view(), name="message-select"),
    path(f"{MESSAGE}/stop", api.StopReply.as_view(), name="message-stop"),
    path("api/v1/preferences", api.Preferences.as_view(), name="preferences"),
    path("", include("chat.completions.urls")),
    path("", include("chat.files.urls")),
    path("", include("chat.memory.urls")),
    path("", include("chat.sharing.urls")),
    path("", include("chat.tasks.urls")),
    path("", include("chat.pages.urls")),
]
