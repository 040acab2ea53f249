"""The routes of a chat's queue."""

from django.urls import path

from chat.queued import api

QUEUE = "api/v1/chats/<str:chat_id>/queue/"

urlpatterns = [
    path(QUEUE, api.Queue.as_view(), name="queue"),
    path(f"{QUEUE}<str:queued_id>", api.QueuedDetail.as_view(), name="queued-detail"),
    path(f"{QUEUE}<str:queued_id>/send", api.SendQueued.as_view(), name="queued-send"),
]
