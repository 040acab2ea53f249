"""`POST /api/v1/chats/keep`: a temporary chat becomes a stored one."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import serializers
from chat.api import ChatView
from chat.temporary import services
from providers.authentication import caller_of


class KeepChat(ChatView):
    @extend_schema(
        operation_id="chats_keep",
        request=serializers.FinishedChatSerializer,
        responses={201: serializers.KeptChatSerializer},
    )
    def post(self, request: Request) -> Response:
        """A finished conversation, one that was temporary until now, as a chat of one's own."""
        told = messages_of(serializers.FinishedChatSerializer, request)
        chat = services.keep(caller_of(request), request.user, told)
        return Response({"chat": serializers.ChatSerializer(chat).data}, status.HTTP_201_CREATED)


def messages_of(serializer: type[serializers.ToldChatSerializer], request: Request) -> list[dict[str, Any]]:
    """The messages in the body of the request. Raises ValidationError."""
    taken = serializer(data=request.data)
    taken.is_valid(raise_exception=True)
    messages: list[dict[str, Any]] = taken.validated_data["messages"]
    return messages
