"""A chat as a document: all of the shown branch, to be printed."""

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from chat import access
from chat.pages import queries
from chat.pages.views import page


@page
def chat_on_paper(request: HttpRequest, chat_id: UUID) -> HttpResponseBase:
    chat = access.chat_for(request.user, chat_id)
    context = {"chat": chat, "thread": queries.whole_branch(chat), "back": reverse("chat", args=[chat.pk])}
    return render(request, "chat/print.html", context)
