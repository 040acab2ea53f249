"""The gateway's addresses: once for OpenAI's clients (`base_url=…/v1`), once under the names of the reference texts.

Azure's clients (`azure_endpoint=…`) put the model into the address too; what the body says counts.
"""

from django.urls import include, path, re_path

from providers import api, speech_api

DEPLOYMENT = "^openai/deployments/.+"

urlpatterns = [
    path("v1/chat/completions", api.ChatCompletions.as_view()),
    path("v1/embeddings", api.Embeddings.as_view()),
    path("v1/responses", api.Responses.as_view()),
    path("v1/models", api.Models.as_view()),
    path("v1/models/<path:model_id>", api.Model.as_view()),
    path("openai/chat/completions", api.ChatCompletions.as_view()),
    path("openai/embeddings", api.Embeddings.as_view()),
    path("openai/responses", api.Responses.as_view()),
    path("v1/audio/speech", speech_api.Speech.as_view()),
    path("openai/audio/speech", speech_api.Speech.as_view()),
    re_path(f"{DEPLOYMENT}/chat/completions$", api.ChatCompletions.as_view()),
    re_path(f"{DEPLOYMENT}/embeddings$", api.Embeddings.as_view()),
    re_path(f"{DEPLOYMENT}/audio/speech$", speech_api.Speech.as_view()),
    path("openai/models", api.Models.as_view()),
    path("api/models", api.SiteModels.as_view()),
    path("", include("providers.config_urls")),
]
