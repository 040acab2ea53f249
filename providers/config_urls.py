"""The addresses for administrators' scripts."""

from django.urls import path

from providers import config_api

urlpatterns = [
    path("openai/config", config_api.Config.as_view()),
    path("openai/config/update", config_api.ConfigUpdate.as_view()),
    path("openai/verify", config_api.Verify.as_view()),
    path("openai/models/<int:url_idx>", config_api.ConnectionModels.as_view()),
]
