"""`POST /openai/explain`: what would happen to a request, for administrators. It calls nobody."""

from typing import Any

import orjson
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from providers import json_bodies
from providers.authentication import caller_of
from providers.config.views import REFUSED, AdminView
from providers.errors import BadRequest
from providers.models import ClientKey
from providers.relay import explain
from providers.relay.explain import Asker
from providers.relay.operations import CHAT
from providers.relay.views import body_of
from providers.sentences import sentence as _


class ExplainSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(default="chat")
    body = serializers.DictField()
    user = serializers.CharField(required=False)  # id or address of a person; else whoever asks
    key = serializers.CharField(required=False)  # id or beginning of an API key, instead of a person


class Explain(AdminView):
    @extend_schema(
        request=ExplainSerializer,
        responses={
            200: OpenApiResponse(
                OpenApiTypes.OBJECT, description="`{caller, access, order, sources, filters, fallbacks, limits, price}`"
            ),
            **REFUSED,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """What would happen to a request, without calling anybody: access, sources in order, headers, body, fallbacks,
        what is left of limits and budgets, about what it costs.
        """
        value = json_bodies.parse_request(body_of(request))
        if not isinstance(value, dict) or not isinstance(value.get("body"), dict):
            raise BadRequest(_("“body” must be an object: the request to explain."), code="invalid_type", param="body")
        operation = value.get("operation", CHAT.name)
        if not isinstance(operation, str):
            raise BadRequest(_("“operation” must be a text."), code="invalid_type", param="operation")
        answer = explain.explain(operation, value["body"], _asker(request, value.get("user"), value.get("key")))
        return HttpResponse(orjson.dumps(answer, default=str), content_type="application/json")


def _asker(request: Request, user: Any, key: Any) -> Asker:
    """In whose name: the named key or person, else whoever asks. Raises BadRequest for unknown ones."""
    if key is not None:
        row = _row_of(ClientKey.objects.select_related("user"), key, "prefix")
        if row is None:
            raise BadRequest(_("There is no such API key."), code="key_not_found", param="key")
        return explain.of_key(row)
    if user is None:
        return Asker(caller_of(request))
    person = _row_of(get_user_model()._default_manager.all(), user, "email__iexact")
    if person is None:
        raise BadRequest(_("There is no such person."), code="user_not_found", param="user")
    return explain.of_person(person)


def _row_of(rows: Any, given: Any, name: str) -> Any:
    """The row with this id, or with this text in the column; None for none."""
    text = str(given)
    by = {"pk": int(text)} if text.isascii() and text.isdecimal() and len(text) < 19 else {name: text}
    return rows.filter(**by).first() if "\0" not in text else None
