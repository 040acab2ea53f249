"""The pages of shared chats: the owner's dialog, and the page that readers of the link see."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render

from chat import access
from chat.pages import queries
from chat.pages.views import action, as_uuid, page
from chat.sharing import services
from providers import addresses
from providers.errors import ConfigurationError, NotFound, TooLarge


@page
def share_part(request: HttpRequest, chat_id: UUID) -> HttpResponseBase:
    """The share dialog: how a chat is shared, or what sharing it would mean."""
    chat = access.chat_for(request.user, chat_id)
    context: dict[str, Any] = {"chat": chat, "end": services.last_finished(chat)}
    try:
        share = access.own_share_for(request.user, chat_id)
    except NotFound:
        return render(request, "chat/sharing/_dialog.html", context)
    try:
        address, problem = services.address_of(share, addresses.site_origin_for(request)), ""
    except ConfigurationError as error:
        address, problem = "", error.message
    context |= {"share": share, "address": address, "problem": problem}
    return render(request, "chat/sharing/_dialog.html", context)


@page
def shared(request: HttpRequest, share_id: UUID) -> HttpResponseBase:
    return _shared_page(request, share_id)


@action
def continue_shared(request: HttpRequest, share_id: UUID) -> HttpResponseBase:
    """Continue in a chat of one's own; the page again, with the reason, where that fails."""
    share = access.share_for(share_id)
    try:
        chat = services.continue_shared(share, request.user)
    except TooLarge as error:
        return _shared_page(request, share_id, refused=error.message)
    return redirect("chat", chat.pk)


def _shared_page(request: HttpRequest, share_id: UUID, *, refused: str = "") -> HttpResponseBase:
    share = access.share_for(share_id)
    number = request.GET.get("page", "")[:6]
    whole = as_uuid(request.GET.get("whole", ""))
    thread = queries.shared_thread(share, number=max(1, int(number)) if number.isdecimal() else 1, whole=whole)
    context = {"share": share, "chat": share.chat, "thread": thread, "refused": refused}
    return render(request, "chat/sharing/page.html", context, status=413 if refused else 200)
