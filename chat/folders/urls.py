"""Folders: the routes of the API, the pages of lists, and the dialogs that scripts ask for."""

from django.urls import path

from chat.folders import api, pages

urlpatterns = [
    path("api/v1/folders/", api.FolderList.as_view(), name="folder-list"),
    path("api/v1/folders/<str:folder_id>", api.FolderDetail.as_view(), name="folder-detail"),
    path("chats", pages.all_chats, name="chats"),
    path("chats/archive", pages.archive, name="archive"),
    path("chats/trash", pages.trash, name="trash"),
    path("folders/choose", pages.choose_part, name="folder-choice"),
    path("folders/new", pages.settings_part, name="folder-new"),
    path("folders/<uuid:folder_id>", pages.show_folder, name="folder"),
    path("folders/<uuid:folder_id>/settings", pages.settings_part, name="folder-settings"),
]
