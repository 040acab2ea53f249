"""`/api/v1/chats/{chat}/messages/{message}/feedback`: one's own thumb on an answer."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access
from chat.api import NOT_FOUND, ChatView
from chat.feedback import services
from chat.feedback.reasons import LABELS
from chat.models import Feedback
from providers.authentication import caller_of
from providers.json_bodies import TextField
from providers.rest import ListPages, checked_body


class FeedbackSerializer(serializers.ModelSerializer[Feedback]):
    """`reasons` are ready ones; those of the other thumb are left out."""

    rating = serializers.ChoiceField(Feedback.Rating.choices)
    reasons = serializers.ListField(
        child=serializers.ChoiceField(list(LABELS.items())), required=False, default=list, max_length=len(LABELS)
    )
    text = TextField(max_length=services.MAX_TEXT, required=False, allow_blank=True, default="")
    message = serializers.UUIDField(source="message_id", read_only=True)

    class Meta:
        model = Feedback
        fields = ("message", "rating", "reasons", "text", "model", "created", "updated")
        read_only_fields = ("message", "model", "created", "updated")


class FeedbackPageSerializer(serializers.Serializer[Any]):
    results = FeedbackSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


class FeedbackPages(ListPages):
    page_size = 50
    max_page_size = 200
    ordering = ("-updated", "-id")


class FeedbackList(ChatView):
    @extend_schema(
        operation_id="feedback_list", parameters=FeedbackPages.parameters(), responses={200: FeedbackPageSerializer}
    )
    def get(self, request: Request) -> Response:
        """All of one's own."""
        rows = Feedback.objects.filter(user_id=caller_of(request).user_id, message__chat__deleted_at=None)
        return FeedbackPages.respond(rows, self, lambda row: FeedbackSerializer(row).data)


class MessageFeedback(ChatView):
    @extend_schema(operation_id="feedback_read", responses={200: FeedbackSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str, message_id: str) -> Response:
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        return Response(FeedbackSerializer(services.of(message, caller_of(request).user_id)).data)

    @extend_schema(
        operation_id="feedback_rate", request=FeedbackSerializer, responses={200: FeedbackSerializer, 404: NOT_FOUND}
    )
    def put(self, request: Request, chat_id: str, message_id: str) -> Response:
        """Rate an answer, or change what was said of it."""
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        data = checked_body(FeedbackSerializer, request)
        row = services.rate(
            message, caller_of(request).user_id, data["rating"], reasons=data["reasons"], text=data["text"]
        )
        return Response(FeedbackSerializer(row).data)

    @extend_schema(operation_id="feedback_remove", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, chat_id: str, message_id: str) -> Response:
        services.take_back(access.message_for(request.user, message_id, chat_id=chat_id), caller_of(request).user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
