"""Shared chats: the routes of the API, the owner's dialog, and the page that readers see."""

from django.urls import path

from chat.sharing import api, views

urlpatterns = [
    path("api/v1/chats/<str:chat_id>/share", api.ShareChat.as_view(), name="chat-share"),
    path("api/v1/shares/", api.OwnShares.as_view(), name="share-list"),
    path("api/v1/shared/<str:share_id>", api.SharedChat.as_view(), name="shared-detail"),
    path("api/v1/shared/<str:share_id>/continue", api.ContinueSharedChat.as_view(), name="shared-continue"),
    path("c/<uuid:chat_id>/share", views.share_part, name="share"),
    path("settings/links", views.links, name="settings_links"),
    path("settings/links/<uuid:share_id>/update", views.update_link, name="settings_update_link"),
    path("settings/links/<uuid:share_id>/end", views.end_link, name="settings_end_link"),
    path("s/<uuid:share_id>", views.shared, name="shared"),
    path("s/<uuid:share_id>/print", views.shared_on_paper, name="print-shared"),
    path("s/<uuid:share_id>/continue", views.continue_shared, name="continue-shared"),
]
