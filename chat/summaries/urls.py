"""The routes of contexts and summaries."""

from django.urls import path

from chat.summaries import api

CHAT = "api/v1/chats/<str:chat_id>"

urlpatterns = [
    path(f"{CHAT}/context", api.Context.as_view(), name="chat-context"),
    path(f"{CHAT}/summaries", api.Summaries.as_view(), name="summary-list"),
    path(f"{CHAT}/summaries/<int:summary_id>", api.SummaryDetail.as_view(), name="summary"),
]
