"""`POST /openai/explain`: what would happen to a request, for administrators. It calls nobody."""

from typing import Any

import orjson
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from providers import callers, json_bodies
from providers.authentication import caller_of
from providers.config.views import REFUSED, AdminView
from providers.errors import BadRequest
from providers.facts import Caller
from providers.process import waiting
from providers.relay import explain
from providers.relay.operations import CHAT
from providers.relay.views import body_of
from providers.sentences import sentence as _


class ExplainSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(default="chat")
    body = serializers.DictField()
    user = serializers.CharField(required=False)  # id or address of a person; else whoever asks


class Explain(AdminView):
    @extend_schema(
        request=ExplainSerializer,
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, description="`{access, sources, limits, price}`"),
            **REFUSED,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """What would happen to a request, without calling anybody: access, sources in order, headers, body, limits."""
        value = json_bodies.parse_request(body_of(request))
        if not isinstance(value, dict) or not isinstance(value.get("body"), dict):
            raise BadRequest(_("“body” must be an object: the request to explain."), code="invalid_type", param="body")
        operation = value.get("operation", CHAT.name)
        if not isinstance(operation, str):
            raise BadRequest(_("“operation” must be a text."), code="invalid_type", param="operation")
        caller = _person(value["user"]) if value.get("user") is not None else caller_of(request)
        answer = waiting.on_loop(explain.explain)(operation, value["body"], caller)
        return HttpResponse(orjson.dumps(answer, default=str), content_type="application/json")


def _person(given: Any) -> Caller:
    """The caller for an id or an address. Raises BadRequest for nobody."""
    text = str(given)
    by = {"pk": int(text)} if text.isascii() and text.isdecimal() and len(text) < 19 else {"email__iexact": text}
    user = get_user_model()._default_manager.filter(**by).first() if "\0" not in text else None
    if user is None:
        raise BadRequest(_("There is no such person."), code="user_not_found", param="user")
    return callers.caller_for_user(user)
