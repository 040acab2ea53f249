"""How full a chat's context is, and summaries of its beginning, as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import NOT_FOUND, ChatView
from chat.models import Summary
from chat.serializers import ProblemSerializer
from chat.summaries import services
from providers.authentication import caller_of

RUNNING = OpenApiResponse(ProblemSerializer, description="One is being written (`summary_running`)")


class SummarySerializer(serializers.ModelSerializer[Summary]):
    """What models read instead of `messages` messages up to `upto`; the status is pending, done or failed."""

    status = serializers.CharField(read_only=True)

    class Meta:
        model = Summary
        fields = ("id", "upto", "status", "text", "messages", "model", "is_automatic", "created")
        read_only_fields = fields


class ContextSerializer(serializers.Serializer[Any]):
    tokens = serializers.IntegerField(help_text="That the model reads for the next message")
    is_estimate = serializers.BooleanField(help_text="Not all of them were told by the provider")
    length = serializers.IntegerField(allow_null=True, help_text="Tokens that the model reads at once; null: not known")
    share = serializers.FloatField(allow_null=True)
    state = serializers.ChoiceField(["ok", "near", "full", "unknown"])
    summary = SummarySerializer(allow_null=True)


class Context(ChatView):
    @extend_schema(
        operation_id="chats_context",
        parameters=[OpenApiParameter("model", str, description="Default: the chat's")],
        responses={200: ContextSerializer, 404: NOT_FOUND},
    )
    def get(self, request: Request, chat_id: str) -> Response:
        """How full the context of the chat's model is."""
        chat = self.chat(request, chat_id)
        state = services.state_of(chat, caller_of(request), request.query_params.get("model", ""))
        return Response(ContextSerializer(state).data)


class Summaries(ChatView):
    @extend_schema(operation_id="summaries_list", responses={200: SummarySerializer(many=True), 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        """Oldest first, those that failed too."""
        rows = Summary.objects.filter(chat=self.chat(request, chat_id))
        return Response(SummarySerializer(rows, many=True).data)

    @extend_schema(
        operation_id="summaries_create",
        request=None,
        responses={202: SummarySerializer, 404: NOT_FOUND, 409: RUNNING},
    )
    def post(self, request: Request, chat_id: str) -> Response:
        """Let the task model summarise the beginning of the shown branch. The event `chat:summary` tells its end."""
        summary = services.summarise(self.chat(request, chat_id), caller_of(request))
        return Response(SummarySerializer(summary).data, status.HTTP_202_ACCEPTED)


class SummaryDetail(ChatView):
    @extend_schema(operation_id="summaries_read", responses={200: SummarySerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str, summary_id: int) -> Response:
        return Response(SummarySerializer(services.summary_for(request.user, chat_id, summary_id)).data)

    @extend_schema(operation_id="summaries_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, chat_id: str, summary_id: int) -> Response:
        """Models read the messages themselves again."""
        services.take_back(services.summary_for(request.user, chat_id, summary_id))
        return Response(status=status.HTTP_204_NO_CONTENT)
