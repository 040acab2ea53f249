"""The map of a chat's branches, and forks, as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access
from chat.api import CONFLICT, NOT_FOUND, ChatView
from chat.branches import services
from chat.serializers import StoredChatSerializer


class TreeEntrySerializer(serializers.Serializer[Any]):
    """A message without its text; `is_shown` marks those of the branch that the chat shows."""

    id = serializers.UUIDField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]  # a field, not the serializer above
    role = serializers.CharField()
    model = serializers.CharField()
    status = serializers.CharField()
    created = serializers.DateTimeField()
    excerpt = serializers.CharField()
    is_shown = serializers.BooleanField()


class TreeSerializer(serializers.Serializer[Any]):
    leaf = serializers.UUIDField(allow_null=True)
    messages = TreeEntrySerializer(many=True)


class Tree(ChatView):
    @extend_schema(operation_id="chats_tree", responses={200: TreeSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        """All messages as a tree, oldest first, with the beginnings of their texts."""
        chat = self.chat(request, chat_id)
        return Response(TreeSerializer({"leaf": chat.leaf_id, "messages": services.outline(chat)}).data)


class Fork(ChatView):
    @extend_schema(
        operation_id="messages_fork",
        request=None,
        responses={201: StoredChatSerializer, 404: NOT_FOUND, 409: CONFLICT},
    )
    def post(self, request: Request, chat_id: str, message_id: str) -> Response:
        """A new chat with everything up to this message."""
        chat = services.fork(access.message_for(request.user, message_id, chat_id=chat_id))
        return Response(StoredChatSerializer({"chat": chat}).data, status.HTTP_201_CREATED)
