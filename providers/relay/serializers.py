"""Serializers that describe the gateway's API, and the objects of its model list."""

from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from providers.facts import Route
from providers.speech import clips
from providers.upstream import kinds

JSON = "application/json"
NDJSON = "application/x-ndjson"

# The answers of operations.
WHOLE: dict[Any, OpenApiResponse] = {
    (200, JSON): OpenApiResponse(OpenApiTypes.OBJECT, description="The provider's response, unchanged")
}
STREAMED: dict[Any, OpenApiResponse] = {
    **WHOLE,
    (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="The same as events, with `stream`"),
}
IN_LINES: dict[Any, OpenApiResponse] = {
    **WHOLE,
    (200, NDJSON): OpenApiResponse(OpenApiTypes.STR, description="The same as lines of JSON, unless `stream` is false"),
}
TRANSCRIPT: dict[Any, OpenApiResponse] = {
    **STREAMED,
    (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="The same as text, `srt` or `vtt`"),
}
AUDIO: dict[Any, OpenApiResponse] = {
    (200, media_type): OpenApiResponse(OpenApiTypes.BINARY, description="The audio, in the requested `response_format`")
    for media_type in clips.TYPES.values()
}


def model_object(route: Route) -> dict[str, Any]:
    """The object of one model: the provider's own members, replaced and extended by ours."""
    first = route.sources[0]
    raw = first.raw
    created = raw.get("created")
    model: dict[str, Any] = {
        **raw,
        "id": route.public_id,
        "name": route.name,
        "object": "model",
        "created": created if isinstance(created, int) else 0,
        "owned_by": kinds.of(first.connection).owned_by,
        "openai": dict(raw),
        "connection_type": first.connection.connection_type,
        "urlIdx": first.connection.index,
        "tags": _tags((*first.connection.tags, *route.tags)),
        "connections": [
            {"name": source.connection.name, "urlIdx": source.connection.index, "id": source.upstream_id}
            for source in route.sources
        ],
    }
    if route.description:
        model["description"] = route.description
    if route.base_id is not None:
        model["preset"], model["base_model_id"] = True, route.base_id
    return model


def model_list(routes: Iterable[Route]) -> dict[str, Any]:
    return {"object": "list", "data": [model_object(route) for route in routes]}


def _tags(tags: Iterable[Any]) -> list[dict[str, Any]]:
    """Tags as `{"name"}`, each once; a tag may also be plain text."""
    named: dict[str, dict[str, Any]] = {}
    for tag in tags:
        shape = dict(tag) if isinstance(tag, Mapping) else {"name": str(tag)}
        if shape.get("name"):
            named.setdefault(str(shape["name"]), shape)
    return list(named.values())


# --- For the schema ---------------------------------------------------------------------------------------------------


class ErrorSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    type = serializers.CharField(allow_null=True)
    param = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)


class OpenAIErrorSerializer(serializers.Serializer[Any]):
    """OpenAI's error object. A provider's own error has the provider's body."""

    error = ErrorSerializer()


class ModelTagSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()


class ModelConnectionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    urlIdx = serializers.IntegerField()
    id = serializers.CharField(help_text="The model's id at this connection")


class ModelSerializer(serializers.Serializer[Any]):
    """A model, with the provider's own members too."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["model"])
    created = serializers.IntegerField()
    owned_by = serializers.CharField(help_text="The protocol: openai or ollama")
    name = serializers.CharField()
    openai = serializers.DictField(help_text="The provider's own object")
    connection_type = serializers.ChoiceField(["external", "local"])
    urlIdx = serializers.IntegerField(help_text="The index of its first connection")
    tags = ModelTagSerializer(many=True)
    connections = ModelConnectionSerializer(many=True, help_text="Every connection that offers it, the first one first")
    description = serializers.CharField(required=False)
    preset = serializers.BooleanField(required=False)
    base_model_id = serializers.CharField(required=False)


class ModelListSerializer(serializers.Serializer[Any]):
    object = serializers.ChoiceField(["list"])
    data = ModelSerializer(many=True)  # type: ignore[assignment]


class RequestSerializer(serializers.Serializer[Any]):
    """A model, and whatever else the provider takes: it is passed on unchanged."""

    model = serializers.CharField()


class ChatRequestSerializer(RequestSerializer):
    """OpenAI's request. Other members are passed to the provider unchanged."""

    messages = serializers.ListField(child=serializers.DictField(), min_length=1)
    stream = serializers.BooleanField(required=False)


class MessagesRequestSerializer(RequestSerializer):
    """Anthropic's request. Other members are passed to its servers unchanged, and translated for other ones."""

    messages = serializers.ListField(child=serializers.DictField(), min_length=1)
    max_tokens = serializers.IntegerField(required=False, min_value=1)
    stream = serializers.BooleanField(required=False)


class CompletionsRequestSerializer(RequestSerializer):
    """OpenAI's request. Other members are passed to the provider unchanged."""

    prompt = serializers.JSONField(required=False, help_text="A text, a list of texts, tokens, or a list of tokens")
    suffix = serializers.CharField(required=False, help_text="What comes after the text that is inserted")
    stream = serializers.BooleanField(required=False)


class EmbeddingsRequestSerializer(RequestSerializer):
    """OpenAI's request. Other members are passed to the provider unchanged."""

    input = serializers.JSONField(help_text="A text, a list of texts, or tokens")


class ModerationsRequestSerializer(RequestSerializer):
    """OpenAI's request. Other members are passed to the provider unchanged."""

    model = serializers.CharField(required=False, help_text="Without it: omni-moderation-latest, if you may use it")
    input = serializers.JSONField(help_text="A text, a list of texts, or a list of parts with texts and pictures")


class OllamaChatRequestSerializer(RequestSerializer):
    """Ollama's request. Other members are passed on unchanged."""

    messages = serializers.ListField(child=serializers.DictField(), required=False)
    stream = serializers.BooleanField(required=False, help_text="Streams unless it is false")
    options = serializers.DictField(required=False, help_text="temperature, num_ctx, num_predict, seed, stop …")


class OllamaGenerateRequestSerializer(RequestSerializer):
    """Ollama's request. Other members are passed on unchanged."""

    prompt = serializers.CharField(required=False)
    stream = serializers.BooleanField(required=False, help_text="Streams unless it is false")
    options = serializers.DictField(required=False, help_text="temperature, num_ctx, num_predict, seed, stop …")


class OllamaEmbedRequestSerializer(RequestSerializer):
    """Ollama's request. Other members are passed on unchanged."""

    input = serializers.JSONField(required=False, help_text="A text, or a list of texts")


class OllamaEmbeddingsRequestSerializer(RequestSerializer):
    """Ollama's older request. Other members are passed on unchanged."""

    prompt = serializers.CharField(required=False)


class RerankRequestSerializer(RequestSerializer):
    """The request of Jina and Cohere. Other members are passed to the provider unchanged."""

    query = serializers.CharField()
    documents = serializers.ListField(child=serializers.JSONField(), help_text="Texts, or objects with a text")
    top_n = serializers.IntegerField(required=False, min_value=1)


class SpeechRequestSerializer(RequestSerializer):
    """OpenAI's request. Other members are passed to the provider unchanged."""

    input = serializers.CharField(help_text="Some providers take 4,096 characters at once, and not more")
    voice = serializers.JSONField(required=False, help_text="A name, or an object with an id")
    response_format = serializers.ChoiceField(choices=list(clips.TYPES), required=False)
    speed = serializers.FloatField(required=False, min_value=0.25, max_value=4.0)


class ResponsesRequestSerializer(RequestSerializer):
    """OpenAI's request. Other members are passed to the provider unchanged."""

    input = serializers.JSONField(required=False, help_text="A text, or a list of items")
    stream = serializers.BooleanField(required=False)


class TranslationsRequestSerializer(RequestSerializer):
    """OpenAI's form. Other fields are passed to the provider unchanged."""

    file = serializers.FileField()
    prompt = serializers.CharField(required=False)
    response_format = serializers.CharField(required=False, help_text="json, text, srt, verbose_json, vtt …")
    temperature = serializers.FloatField(required=False)


class TranscriptionsRequestSerializer(TranslationsRequestSerializer):
    """OpenAI's form. Other fields are passed to the provider unchanged."""

    language = serializers.CharField(required=False, help_text="The code of the spoken language")
    stream = serializers.BooleanField(required=False)
