"""Drafts: the routes of the API."""

from django.urls import path

from chat.drafts import api

urlpatterns = [
    path("api/v1/drafts/", api.DraftList.as_view(), name="draft-list"),
    path("api/v1/drafts/<str:draft_key>", api.DraftDetail.as_view(), name="draft-detail"),
]
