"""Saved prompts: the routes of the API, and the pages."""

from django.urls import path

from chat.prompts import api, views

urlpatterns = [
    path("api/v1/prompts/", api.PromptList.as_view(), name="prompt-list"),
    path("api/v1/prompts/<str:prompt_id>", api.PromptDetail.as_view(), name="prompt-detail"),
    path("prompts", views.prompts_part, name="prompts"),
    path("prompts/<uuid:prompt_id>", views.prompt_part, name="prompt"),
    path("settings/prompts", views.prompts, name="settings_prompts"),
    path("settings/prompts/<uuid:prompt_id>", views.prompt, name="settings_prompt"),
    path("settings/prompts/<uuid:prompt_id>/delete", views.delete_prompt, name="settings_delete_prompt"),
]
