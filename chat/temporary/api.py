"""`POST /api/v1/chats/keep`: a temporary chat becomes a stored one."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import serializers
from chat.api import ChatView
from chat.temporary import services
from providers.authentication import caller_of
from providers.rest import checked_body


class KeepChat(ChatView):
    @extend_schema(
        operation_id="chats_keep",
        request=serializers.FinishedChatSerializer,
        responses={201: serializers.StoredChatSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store a finished conversation that was temporary until now."""
        conversation = checked_body(serializers.FinishedChatSerializer, request)
        chat = services.store(caller_of(request), request.user, conversation["messages"], rules=conversation["rules"])
        return Response({"chat": serializers.ChatSerializer(chat).data}, status.HTTP_201_CREATED)
