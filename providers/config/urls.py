"""The addresses of the configuration API for administrators."""

from django.urls import path

from providers.config import explain, views

urlpatterns = [
    path("openai/config", views.FlatConfig.as_view()),
    path("openai/config/update", views.ConfigUpdate.as_view()),
    path("openai/explain", explain.Explain.as_view()),
    path("openai/verify", views.VerifyConnection.as_view()),
    path("openai/models/<int:url_idx>", views.ConnectionModels.as_view()),
]
