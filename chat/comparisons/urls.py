"""The routes of comparisons."""

from django.urls import path

from chat.comparisons import api

COMPARISON = "api/v1/chats/<str:chat_id>/comparisons/<int:comparison_id>"

urlpatterns = [
    path(COMPARISON, api.ComparisonDetail.as_view(), name="comparison"),
    path(f"{COMPARISON}/pick", api.Pick.as_view(), name="comparison-pick"),
    path(f"{COMPARISON}/merge", api.Merge.as_view(), name="comparison-merge"),
]
