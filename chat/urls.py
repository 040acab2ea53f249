"""The chat's JSON routes, then its pages."""

from django.urls import include, path

from chat import api
from chat.completions import views
from chat.memory import api as memory_api
from chat.pages import temporary as temporary_page
from chat.sharing import api as share_api
from chat.tasks import api as task_api
from chat.temporary import api as temporary_api

CHAT = "api/v1/chats/<str:chat_id>"

urlpatterns = [
    path("api/v1/chats/", api.ChatList.as_view(), name="chat-list"),
    path("api/v1/chats/keep", temporary_api.KeepChat.as_view(), name="chat-keep"),
    path(CHAT, api.ChatDetail.as_view(), name="chat-detail"),
    path(f"{CHAT}/restore", api.RestoreChat.as_view(), name="chat-restore"),
    path(f"{CHAT}/export", api.ExportChat.as_view(), name="chat-export"),
    path(f"{CHAT}/export.md", api.ExportChatAsMarkdown.as_view(), name="chat-export-markdown"),
    path(f"{CHAT}/export.zip", api.ExportChatWithFiles.as_view(), name="chat-export-zip"),
    path(f"{CHAT}/share", share_api.ShareChat.as_view(), name="chat-share"),
    path("api/v1/shared/<str:share_id>", share_api.SharedChat.as_view(), name="shared-detail"),
    path("api/v1/shared/<str:share_id>/continue", share_api.ContinueSharedChat.as_view(), name="shared-continue"),
    path(f"{CHAT}/messages", api.MessageList.as_view(), name="message-list"),
    path(f"{CHAT}/messages/<str:message_id>", api.MessageDetail.as_view(), name="message-detail"),
    path(f"{CHAT}/messages/<str:message_id>/regenerate", api.Regenerate.as_view(), name="message-regenerate"),
    path(f"{CHAT}/messages/<str:message_id>/edit", api.EditMessage.as_view(), name="message-edit"),
    path(f"{CHAT}/messages/<str:message_id>/select", api.SelectBranch.as_view(), name="message-select"),
    path(f"{CHAT}/messages/<str:message_id>/stop", api.StopReply.as_view(), name="message-stop"),
    path("api/v1/preferences", api.Preferences.as_view(), name="preferences"),
    path("api/v1/memories/", memory_api.MemoryList.as_view(), name="memory-list"),
    path("api/v1/memories/<str:memory_id>", memory_api.MemoryDetail.as_view(), name="memory-detail"),
    path("api/chat/completions", views.ChatCompletions.as_view(), name="chat-completions"),
    path("api/v1/tasks/title/completions", task_api.Title.as_view(), name="task-title"),
    path("api/v1/tasks/follow_ups/completions", task_api.FollowUps.as_view(), name="task-follow-ups"),
    path("api/tasks/stop/<str:task_id>", views.StopTask.as_view(), name="task-stop"),
    path("api/tasks/chat/<str:chat_id>", views.ChatTasks.as_view(), name="chat-tasks"),
    path("temporary/messages", temporary_page.DrawMessages.as_view(), name="temporary-messages"),
    path("", include("chat.files.urls")),
    path("", include("chat.page_urls")),
]
