"""Assistants: the routes of the API, and the pages."""

from django.urls import path

from chat.assistants import api, views

ASSISTANT = "api/v1/assistants/<str:assistant_id>"
PAGE = "settings/assistants/<uuid:assistant_id>"

urlpatterns = [
    path("api/v1/assistants/", api.AssistantList.as_view(), name="assistant-list"),
    path(ASSISTANT, api.AssistantDetail.as_view(), name="assistant-detail"),
    path(f"{ASSISTANT}/duplicate", api.DuplicateAssistant.as_view(), name="assistant-duplicate"),
    path(f"{ASSISTANT}/picture", api.AssistantPicture.as_view(), name="assistant-picture-set"),
    path("assistants/<uuid:assistant_id>/picture", views.picture, name="assistant-picture"),
    path("settings/assistants", views.assistants, name="settings_assistants"),
    path("settings/assistants/new", views.new_assistant, name="settings_new_assistant"),
    path(PAGE, views.assistant, name="settings_assistant"),
    path(f"{PAGE}/duplicate", views.duplicate_assistant, name="settings_duplicate_assistant"),
    path(f"{PAGE}/delete", views.delete_assistant, name="settings_delete_assistant"),
]
