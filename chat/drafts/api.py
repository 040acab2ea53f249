"""`/api/v1/drafts/`: what one has begun to write, per chat, and for the new chat under `new`."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import NOT_FOUND, ChatView
from chat.drafts import services
from chat.files.views import FileSerializer
from chat.serializers import FilesField, ProblemSerializer
from providers.json_bodies import TextField
from providers.rest import ListPages, checked_body

NEWER = OpenApiResponse(ProblemSerializer, description="Another device wrote later (`newer_draft`)")
MOST_AGE = 30 * 24 * 3600  # seconds


class DraftSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="The chat's id, or `new`")
    chat_id = serializers.UUIDField(allow_null=True)
    text = serializers.CharField()
    files = FileSerializer(many=True)
    written = serializers.DateTimeField()


class DraftPageSerializer(serializers.Serializer[Any]):
    results = DraftSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


class DraftRequestSerializer(serializers.Serializer[Any]):
    """Without text and files the draft is taken away."""

    text = TextField(max_length=services.MAX_TEXT, required=False, allow_blank=True, trim_whitespace=False, default="")
    files = FilesField(required=False, default=list)
    age = serializers.FloatField(
        required=False, default=0.0, min_value=0, max_value=MOST_AGE, help_text="Seconds since it was written"
    )


class DraftPages(ListPages):
    page_size = 50
    max_page_size = services.MAX_DRAFTS
    ordering = ("-written", "-id")


class DraftList(ChatView):
    @extend_schema(operation_id="drafts_list", parameters=DraftPages.parameters(), responses={200: DraftPageSerializer})
    def get(self, request: Request) -> Response:
        pages = DraftPages()
        rows = pages.paginate_queryset(services.drafts_of(request.user), request, view=self)
        return pages.get_paginated_response(services.shapes(rows or []))


class DraftDetail(ChatView):
    @extend_schema(operation_id="drafts_read", responses={200: DraftSerializer, 404: NOT_FOUND})
    def get(self, request: Request, draft_key: str) -> Response:
        return Response(services.shape(services.draft_for(request.user, draft_key)))

    @extend_schema(
        operation_id="drafts_keep",
        request=DraftRequestSerializer,
        responses={200: DraftSerializer, 204: None, 404: NOT_FOUND, 409: NEWER},
    )
    def put(self, request: Request, draft_key: str) -> Response:
        """Keep what stands in the field now. Of two devices the one that wrote last counts."""
        data = checked_body(DraftRequestSerializer, request)
        row = services.keep(request.user, draft_key, text=data["text"], file_ids=data["files"], age=data["age"])
        return Response(status=status.HTTP_204_NO_CONTENT) if row is None else Response(services.shape(row))

    @extend_schema(operation_id="drafts_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, draft_key: str) -> Response:
        services.drop(request.user, draft_key)
        return Response(status=status.HTTP_204_NO_CONTENT)
