"""The addresses of Ollama's protocol that call no model; those that do are in the table of operations."""

from django.urls import path, re_path

from providers.ollama import views

urlpatterns = [
    path("ollama", views.is_running),
    path("ollama/", views.is_running),
    path("ollama/api/tags", views.Tags.as_view()),
    path("ollama/api/ps", views.Loaded.as_view()),
    path("ollama/api/version", views.Version.as_view()),
    re_path(r"^ollama/api/(?:pull|push|create|copy|delete|blobs/.*)$", views.OnlyAdministration.as_view()),
]
