"""The messages of a temporary chat as HTML: its page holds them, and asks for their look."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from chat import serializers
from chat.api import ChatView
from chat.pages import queries, views
from chat.temporary import services
from chat.temporary.api import messages_of


class DrawMessages(ChatView):
    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        """These messages as the page of a stored chat shows them. Nothing is kept."""
        messages = services.drawable(request.user, messages_of(serializers.ToldChatSerializer, request))
        asked = cast("HttpRequest", request)  # for all that templates ask, the framework's request answers as Django's
        with timezone.override(views.zone_of(asked)):
            return render(asked, "chat/_turns.html", {"thread": queries.Thread(queries.lone_entries(messages))})
