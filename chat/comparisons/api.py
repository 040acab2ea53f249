"""Comparisons as JSON: read, pick, reopen, merge. They begin with `models` of a message."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access
from chat.api import CONFLICT, NOT_FOUND, ChatView, completion_request
from chat.comparisons import services
from chat.models import Comparison
from chat.serializers import AnswerSerializer, CompletionOptionsSerializer, LeafSerializer, MessageSerializer
from providers.rest import checked_body


class ComparedAnswerSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    message = serializers.UUIDField(source="answer_id")
    is_merged = serializers.BooleanField()
    is_picked = serializers.BooleanField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """The answers of several models to one question."""

    id = serializers.IntegerField()
    question = serializers.UUIDField(source="question_id", allow_null=True)
    created = serializers.DateTimeField()
    picked_at = serializers.DateTimeField(allow_null=True)
    answers = serializers.SerializerMethodField()

    @extend_schema_field(ComparedAnswerSerializer(many=True))
    def get_answers(self, comparison: Comparison) -> list[Any]:
        return list(ComparedAnswerSerializer(services.answers_of(comparison), many=True).data)


class PickSerializer(serializers.Serializer[Any]):
    message = serializers.UUIDField(help_text="The answer that is the best")


class ComparisonDetail(ChatView):
    @extend_schema(operation_id="comparisons_read", responses={200: ComparisonSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str, comparison_id: int) -> Response:
        return Response(ComparisonSerializer(services.comparison_for(request.user, chat_id, comparison_id)).data)


class Pick(ChatView):
    @extend_schema(
        operation_id="comparisons_pick",
        request=PickSerializer,
        responses={200: LeafSerializer, 404: NOT_FOUND, 409: CONFLICT},
    )
    def post(self, request: Request, chat_id: str, comparison_id: int) -> Response:
        """The chat goes on with this answer."""
        comparison = services.comparison_for(request.user, chat_id, comparison_id)
        message_id = checked_body(PickSerializer, request)["message"]
        answer = access.message_for(request.user, message_id, chat_id=chat_id)
        services.pick(comparison, answer)
        return Response({"leaf": answer.chat.leaf_id})

    @extend_schema(operation_id="comparisons_reopen", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, chat_id: str, comparison_id: int) -> Response:
        """Nothing is picked any more: the answers stand side by side again."""
        services.reopen(services.comparison_for(request.user, chat_id, comparison_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Merge(ChatView):
    @extend_schema(
        operation_id="comparisons_merge",
        request=CompletionOptionsSerializer,
        responses={202: AnswerSerializer, 404: NOT_FOUND, 409: CONFLICT},
    )
    def post(self, request: Request, chat_id: str, comparison_id: int) -> Response:
        """Let a model make one answer of all; it stands beside them."""
        comparison = services.comparison_for(request.user, chat_id, comparison_id)
        data = checked_body(CompletionOptionsSerializer, request)
        answer = services.merge(comparison, completion_request(request, data))
        return Response({"message": MessageSerializer(answer).data}, status.HTTP_202_ACCEPTED)
