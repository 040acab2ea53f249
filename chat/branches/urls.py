"""The routes of branches."""

from django.urls import path

from chat.branches import api

CHAT = "api/v1/chats/<str:chat_id>"

urlpatterns = [
    path(f"{CHAT}/tree", api.Tree.as_view(), name="chat-tree"),
    path(f"{CHAT}/messages/<str:message_id>/fork", api.Fork.as_view(), name="message-fork"),
]
