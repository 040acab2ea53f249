"""The gateway's addresses: once for OpenAI's clients (`base_url=…/v1`), once under the names of the reference texts.

Azure's clients (`azure_endpoint=…`) put the model into the address too; what the body says counts.
"""

from django.urls import include, path, re_path

from providers.relay import views
from providers.speech import views as speech_views

DEPLOYMENT = "^openai/deployments/.+"

urlpatterns = [
    path("v1/chat/completions", views.ChatCompletions.as_view()),
    path("v1/embeddings", views.Embeddings.as_view()),
    path("v1/responses", views.Responses.as_view()),
    path("v1/models", views.Models.as_view()),
    path("v1/models/<path:model_id>", views.Model.as_view()),
    path("openai/chat/completions", views.ChatCompletions.as_view()),
    path("openai/embeddings", views.Embeddings.as_view()),
    path("openai/responses", views.Responses.as_view()),
    path("v1/audio/speech", speech_views.Speech.as_view()),
    path("openai/audio/speech", speech_views.Speech.as_view()),
    re_path(f"{DEPLOYMENT}/chat/completions$", views.ChatCompletions.as_view()),
    re_path(f"{DEPLOYMENT}/embeddings$", views.Embeddings.as_view()),
    re_path(f"{DEPLOYMENT}/audio/speech$", speech_views.Speech.as_view()),
    path("openai/models", views.Models.as_view()),
    path("api/models", views.SiteModels.as_view()),
    path("", include("providers.config.urls")),
]
