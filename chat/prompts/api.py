"""Saved prompts as JSON."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import ChatView
from chat.models import Prompt
from chat.prompts import services
from chat.prompts.values import PromptPageSerializer, PromptSerializer, PromptValues
from chat.serializers import ProblemSerializer
from providers.rest import ListPages, checked_body

NOT_FOUND = OpenApiResponse(ProblemSerializer, description="Not there, or not yours")
FORBIDDEN = OpenApiResponse(
    ProblemSerializer, description="Switched off (`prompts_off`), or not to be shared so (`sharing_not_permitted`)"
)
CONFLICT = OpenApiResponse(ProblemSerializer, description="Too many (`prompts_full`), or `command_taken`")


class PromptPages(ListPages):
    page_size = 100
    max_page_size = services.MAX_LISTED
    ordering = ("command", "created", "id")


class PromptView(ChatView):
    def shown(self, request: Request, row: Prompt) -> dict[str, object]:
        return dict(PromptSerializer(row, context={"user": request.user}).data)


class PromptList(PromptView):
    @extend_schema(
        operation_id="prompts_list", parameters=PromptPages.parameters(), responses={200: PromptPageSerializer}
    )
    def get(self, request: Request) -> Response:
        """One's own prompts, and those that others share with one, by command."""
        return PromptPages.respond(services.usable_by(request.user), self, lambda row: self.shown(request, row))

    @extend_schema(
        operation_id="prompts_create",
        request=PromptValues,
        responses={201: PromptSerializer, 403: FORBIDDEN, 409: CONFLICT},
    )
    def post(self, request: Request) -> Response:
        row = services.create(request.user, checked_body(PromptValues, request))
        return Response(self.shown(request, row), status.HTTP_201_CREATED)


class PromptDetail(PromptView):
    @extend_schema(operation_id="prompts_read", responses={200: PromptSerializer, 404: NOT_FOUND})
    def get(self, request: Request, prompt_id: str) -> Response:
        return Response(self.shown(request, services.prompt_for(request.user, prompt_id)))

    @extend_schema(
        operation_id="prompts_update",
        request=PromptValues,
        responses={200: PromptSerializer, 403: FORBIDDEN, 404: NOT_FOUND, 409: CONFLICT},
    )
    def patch(self, request: Request, prompt_id: str) -> Response:
        row = services.own_for(request.user, prompt_id)
        body = PromptValues(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        services.change(row, request.user, body.validated_data)
        return Response(self.shown(request, row))

    @extend_schema(operation_id="prompts_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, prompt_id: str) -> Response:
        services.delete(services.own_for(request.user, prompt_id))
        return Response(status=status.HTTP_204_NO_CONTENT)
