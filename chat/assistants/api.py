"""Assistants as JSON."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import ChatView
from chat.assistants import services, values
from chat.models import Assistant
from chat.serializers import ProblemSerializer
from providers import catalogue
from providers.authentication import caller_of
from providers.errors import BadRequest
from providers.rest import checked_body
from providers.sentences import sentence as _

NOT_FOUND = OpenApiResponse(ProblemSerializer, description="Not there, or not yours")
FORBIDDEN = OpenApiResponse(
    ProblemSerializer, description="Switched off (`assistants_off`), or not to be shared so (`sharing_not_permitted`)"
)
CONFLICT = OpenApiResponse(ProblemSerializer, description="Too many (`assistants_full`), or `id_taken`")
TOO_FAST = OpenApiResponse(ProblemSerializer, description="Too many changes at once (`rate_limit_exceeded`)")
CHANGED = {200: values.AssistantSerializer, 403: FORBIDDEN, 404: NOT_FOUND, 429: TOO_FAST}


class AssistantView(ChatView):
    def own(self, request: Request, assistant_id: str) -> Assistant:
        return services.own_for(request.user, assistant_id)

    def shown(self, request: Request, *rows: Assistant) -> list[dict[str, Any]]:
        usable = {route.public_id for route in catalogue.snapshot_blocking().routes_for(caller_of(request))}
        return [values.AssistantSerializer(services.as_json(row, request.user, usable)).data for row in rows]

    def changed(self, request: Request, row: Assistant) -> Response:
        [shown] = self.shown(request, services.own_for(request.user, row.pk))
        return Response(shown)


class AssistantList(AssistantView):
    @extend_schema(operation_id="assistants_list", responses={200: values.AssistantPageSerializer})
    def get(self, request: Request) -> Response:
        """One's own assistants, and those that others share with one, newest first."""
        rows = services.usable_by(caller_of(request), request.user)
        return Response({"results": self.shown(request, *rows)})

    @extend_schema(
        operation_id="assistants_create",
        request=values.AssistantValues,
        responses={201: values.AssistantSerializer, 403: FORBIDDEN, 404: NOT_FOUND, 409: CONFLICT, 429: TOO_FAST},
    )
    def post(self, request: Request) -> Response:
        """Make an assistant. It is a model like any other then: choose it in chats, or call it at `/v1`, where its
        system prompt and parameters count, and not its files and tools.
        """
        given = checked_body(values.AssistantValues, request)
        made = services.create(caller_of(request), request.user, given)
        [shown] = self.shown(request, services.own_for(request.user, made.pk))
        return Response(shown, status.HTTP_201_CREATED)


class AssistantDetail(AssistantView):
    @extend_schema(operation_id="assistants_read", responses={200: values.AssistantSerializer, 404: NOT_FOUND})
    def get(self, request: Request, assistant_id: str) -> Response:
        row = services.assistant_for(caller_of(request), request.user, assistant_id)
        return Response(self.shown(request, row)[0])

    @extend_schema(operation_id="assistants_update", request=values.AssistantValues, responses=CHANGED)
    def patch(self, request: Request, assistant_id: str) -> Response:
        row = self.own(request, assistant_id)
        body = values.AssistantValues(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        if "id" in body.validated_data:
            raise BadRequest(_("The id of an assistant stays as it is."), code="id_stays", param="id")
        services.change(row, caller_of(request), request.user, body.validated_data)
        return self.changed(request, row)

    @extend_schema(operation_id="assistants_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, assistant_id: str) -> Response:
        """For good, with its files."""
        services.delete(self.own(request, assistant_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DuplicateAssistant(AssistantView):
    @extend_schema(
        operation_id="assistants_duplicate",
        request=None,
        responses={201: values.AssistantSerializer, 403: FORBIDDEN, 404: NOT_FOUND, 409: CONFLICT, 429: TOO_FAST},
    )
    def post(self, request: Request, assistant_id: str) -> Response:
        """A private copy of one's own."""
        copy = services.duplicate(self.own(request, assistant_id), caller_of(request), request.user)
        [shown] = self.shown(request, services.own_for(request.user, copy.pk))
        return Response(shown, status.HTTP_201_CREATED)


class AssistantPicture(AssistantView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="assistants_picture_set",
        request={"multipart/form-data": inline_serializer("AssistantPicture", {"file": serializers.FileField()})},
        responses=CHANGED,
    )
    def put(self, request: Request, assistant_id: str) -> Response:
        """A picture of at most 5 MB; it is made small."""
        row = self.own(request, assistant_id)
        file = request.FILES.get("file")
        if file is None:
            raise BadRequest(_("Send the picture as “file”."), code="missing_required_parameter", param="file")
        services.set_picture(row, services.checked_picture(request.user, file))
        return self.changed(request, row)

    @extend_schema(operation_id="assistants_picture_remove", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, assistant_id: str) -> HttpResponse:
        services.remove_picture(self.own(request, assistant_id))
        return Response(status=status.HTTP_204_NO_CONTENT)
