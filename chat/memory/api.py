"""A person's memories as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import ChatView
from chat.memory import services
from chat.models import Memory
from chat.serializers import ProblemSerializer
from providers.authentication import caller_of
from providers.json_bodies import TextField
from providers.rest import ListPages, checked_body


class MemorySerializer(serializers.ModelSerializer[Memory]):
    text = TextField(max_length=services.MAX_CHARACTERS)

    class Meta:
        model = Memory
        fields = ("id", "text", "created", "updated")
        read_only_fields = ("id", "created", "updated")


class MemoryPageSerializer(serializers.Serializer[Any]):
    results = MemorySerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


NOT_FOUND = OpenApiResponse(ProblemSerializer, description="Not there, or not yours")
OFF = OpenApiResponse(ProblemSerializer, description="Memories are switched off (`memories_disabled`)")
FULL = OpenApiResponse(ProblemSerializer, description="No more fit (`memories_full`)")


class MemoryPages(ListPages):
    page_size = 100
    max_page_size = services.MAX_FACTS
    ordering = ("-updated", "-id")


class MemoryList(ChatView):
    @extend_schema(
        operation_id="memories_list",
        parameters=MemoryPages.parameters(),
        responses=MemoryPageSerializer,
    )
    def get(self, request: Request) -> Response:
        facts = services.facts_of(caller_of(request).user_id)
        return MemoryPages.respond(facts, self, lambda fact: MemorySerializer(fact).data)

    @extend_schema(
        operation_id="memories_create",
        request=MemorySerializer,
        responses={201: MemorySerializer, 403: OFF, 409: FULL},
    )
    def post(self, request: Request) -> Response:
        fact = services.keep(caller_of(request).user_id, _text_of(request))
        return Response(MemorySerializer(fact).data, status.HTTP_201_CREATED)


class MemoryDetail(ChatView):
    @extend_schema(
        operation_id="memories_update",
        request=MemorySerializer,
        responses={200: MemorySerializer, 403: OFF, 404: NOT_FOUND},
    )
    def patch(self, request: Request, memory_id: str) -> Response:
        fact = services.fact_for(caller_of(request).user_id, memory_id)
        services.change(fact, _text_of(request))
        return Response(MemorySerializer(fact).data)

    @extend_schema(operation_id="memories_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, memory_id: str) -> Response:
        fact = services.fact_for(caller_of(request).user_id, memory_id)
        services.forget(services.facts_of(caller_of(request).user_id).filter(pk=fact.pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _text_of(request: Request) -> str:
    return str(checked_body(MemorySerializer, request)["text"])
