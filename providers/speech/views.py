"""`POST …/audio/speech` for browsers and programs."""

from typing import Any

import orjson
from asgiref.sync import async_to_sync
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from providers import relay
from providers.authentication import caller_of
from providers.errors import BadRequest
from providers.relay.views import REFUSED, OpenAIView, body_of
from providers.speech import clips


class SpeechRequestSerializer(serializers.Serializer[Any]):
    """OpenAI's request. Every other member goes on to the provider as it is."""

    model = serializers.CharField()
    input = serializers.CharField(max_length=clips.MAX_INPUT)
    voice = serializers.JSONField(required=False, help_text="A name, or an object with an id")
    response_format = serializers.ChoiceField(choices=list(clips.TYPES), required=False)
    speed = serializers.FloatField(required=False, min_value=0.25, max_value=4.0)


SOUNDS: dict[Any, OpenApiResponse] = {
    (200, kind): OpenApiResponse(OpenApiTypes.BINARY, description="The sound, as `response_format` asks for it")
    for kind in clips.TYPES.values()
}


class Speech(OpenAIView):
    @extend_schema(
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request=SpeechRequestSerializer,
        responses={**REFUSED, **SOUNDS},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Read a text aloud; the same words are fetched from the provider once."""
        caller = caller_of(request)
        relay.admit(caller)
        try:
            spoken = async_to_sync(clips.speak)(
                caller,
                _payload(body_of(request)),
                cookies=request.COOKIES,
                idempotency_key=request.headers.get("Idempotency-Key", "").strip(),
            )
        except clips.Refusal as refusal:
            return HttpResponse(refusal.body, status=refusal.status, headers=refusal.passed)
        headers = {"X-Cache": "hit" if spoken.cached else "miss"}
        if spoken.length is not None:
            headers["Content-Length"] = str(spoken.length)
        return StreamingHttpResponse(spoken.pieces, content_type=spoken.content_type, headers=headers)


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("The body is not valid JSON.") from error
    if not isinstance(payload, dict):
        raise BadRequest("The body must be a JSON object.")
    return payload
