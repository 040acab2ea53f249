"""The messages of a temporary chat as HTML. The page alone has them, and sends them here to be rendered."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from chat import markdown, serializers
from chat.api import ChatView
from chat.pages import queries, views
from chat.temporary import services
from providers.rest import checked_body


class RenderMessages(ChatView):
    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        """The messages in the body, rendered as those of a stored chat. Nothing is stored."""
        messages = services.unsaved(
            request.user, checked_body(serializers.TemporaryChatSerializer, request)["messages"]
        )
        # REST framework's request passes on whatever templates ask of Django's.
        page_request = cast("HttpRequest", request)
        with timezone.override(views.zone_of(page_request)), markdown.one_page():
            return render(page_request, "chat/_turns.html", {"thread": queries.Thread(queries.lone_entries(messages))})
