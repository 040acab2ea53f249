"""What the page of a temporary chat asks for: its messages as HTML, and in the end perhaps that they are kept."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import serializers
from chat.api import ChatView
from chat.pages import queries, views
from chat.temporary import services
from providers.authentication import caller_of


class DrawMessages(ChatView):
    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        """These messages as the page of a stored chat shows them. Nothing is kept."""
        messages = services.drawable(request.user, _told(serializers.ToldChatSerializer, request))
        asked: HttpRequest = request._request
        with timezone.override(views.zone_of(asked)):
            return render(asked, "chat/_turns.html", {"thread": queries.Thread(queries.lone_turns(messages))})


class KeepChat(ChatView):
    @extend_schema(
        operation_id="chats_keep",
        request=serializers.FinishedChatSerializer,
        responses={201: serializers.KeptChatSerializer},
    )
    def post(self, request: Request) -> Response:
        """A finished conversation, one that was temporary until now, as a chat of one's own."""
        told = _told(serializers.FinishedChatSerializer, request)
        chat = services.keep(caller_of(request), request.user, told)
        return Response({"chat": serializers.ChatSerializer(chat).data}, status.HTTP_201_CREATED)


def _told(serializer: type[serializers.ToldChatSerializer], request: Request) -> list[dict[str, Any]]:
    taken = serializer(data=request.data)
    taken.is_valid(raise_exception=True)
    messages: list[dict[str, Any]] = taken.validated_data["messages"]
    return messages
