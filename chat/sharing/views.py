"""The pages of shared chats: the owner's dialog and list, and the page that readers of the link see."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chat import access, chat_settings, markdown
from chat.files import visits
from chat.models import Share
from chat.pages import queries
from chat.pages.views import action, as_uuid, page, zone_of
from chat.sharing import services
from providers import addresses
from providers.errors import CallerError, ConfigurationError, Gone, NotFound, RateLimited, TooLarge

PER_MINUTE = 120  # pages that strangers at one address may read
LISTED = 200  # own links
# Of a page for strangers: nothing but what it shows, from here, and nothing is sent.
STRANGERS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; font-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@page
def share_part(request: HttpRequest, chat_id: UUID) -> HttpResponseBase:
    """The share dialog: how a chat is shared, or what sharing it would mean."""
    chat = access.chat_for(request.user, chat_id)
    context: dict[str, Any] = {
        "chat": chat,
        "end": services.last_finished(chat),
        "offers_public": chat_settings.current_blocking().public_links,
        "today": timezone.localdate(),
    }
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


@require_safe
def shared(request: HttpRequest, share_id: UUID) -> HttpResponseBase:
    """The page of a link: for people who are signed in, and where the link is for everybody, for strangers."""
    if request.user.is_authenticated:
        return _for_members(request, share_id)
    if not chat_settings.current_blocking().public_links:
        return redirect_to_login(request.get_full_path())
    with timezone.override(zone_of(request)), markdown.one_page():
        return _private(_for_strangers(request, share_id))


@page
def _for_members(request: HttpRequest, share_id: UUID) -> HttpResponseBase:
    try:
        return _shared_page(request, access.share_for(share_id))
    except Gone as error:
        return _ended(request, error)


def _for_strangers(request: HttpRequest, share_id: UUID) -> HttpResponse:
    try:
        visits.check(request, "shared pages", per_minute=PER_MINUTE)
        share = access.public_share_for(share_id)
    except RateLimited:
        return render(request, "429.html", status=429)
    except Gone as error:
        return _ended(request, error)
    except NotFound as error:
        if Share.objects.filter(pk=share_id).exists():  # for those who are signed in
            return redirect_to_login(request.get_full_path())
        return _ended(request, error)
    return _shared_page(request, share)


@page
def shared_on_paper(request: HttpRequest, share_id: UUID) -> HttpResponseBase:
    """All that readers see, to be printed."""
    share = access.share_for(share_id)
    thread = queries.shared_thread(share, size=queries.PRINTED)
    context = {
        "share": share,
        "chat": share.chat,
        "thread": thread,
        "by": share.chat.user.get_short_name() if share.shows_name else "",
    }
    return render(request, "chat/print.html", {**context, "back": reverse("shared", args=[share.pk])})


@action
def continue_shared(request: HttpRequest, share_id: UUID) -> HttpResponseBase:
    """Continue in a chat of one's own; the page again, with the reason, where that fails."""
    try:
        share = access.share_for(share_id)
    except Gone as error:
        return _ended(request, error)
    try:
        chat = services.continue_shared(share, request.user)
    except TooLarge as error:
        return _shared_page(request, share, refused=error.message)
    return redirect("chat", chat.pk)


@page
def links(request: HttpRequest) -> HttpResponseBase:
    """/settings/links: all links to one's own chats."""
    offered = chat_settings.current_blocking()
    if not offered.sharing:
        raise Http404
    try:
        origin = addresses.site_origin_for(request)
    except ConfigurationError:
        origin = str(request.build_absolute_uri("/")).rstrip("/")
    shares = [(share, services.address_of(share, origin)) for share in access.own_shares(request.user)[:LISTED]]
    return render(
        request, "settings/links.html", {"section": "links", "shares": shares, "offers_public": offered.public_links}
    )


@login_required
@require_POST
def update_link(request: HttpRequest, share_id: UUID) -> HttpResponse:
    """Let readers see what the chat shows now."""
    try:
        services.share_chat(_own(request, share_id).chat)
        messages.success(request, _("Readers now see all that the chat shows."))
    except CallerError as error:
        messages.error(request, error.message)
    return redirect("settings_links")


@login_required
@require_POST
def end_link(request: HttpRequest, share_id: UUID) -> HttpResponse:
    services.unshare(_own(request, share_id).chat)
    messages.success(request, _("The link no longer works."))
    return redirect("settings_links")


def _own(request: HttpRequest, share_id: UUID) -> Share:
    share = access.own_shares(request.user).filter(pk=share_id).first()
    if share is None:
        raise Http404
    return share


def _shared_page(request: HttpRequest, share: Share, *, refused: str = "") -> HttpResponse:
    number = request.GET.get("page", "")[:6]
    whole = as_uuid(request.GET.get("whole", ""))
    thread = queries.shared_thread(share, number=max(1, int(number)) if number.isdecimal() else 1, whole=whole)
    if not request.user.is_authenticated:
        services.serve_files_by(share, thread.entries)
    context = {"share": share, "chat": share.chat, "thread": thread, "refused": refused}
    return render(request, "chat/sharing/page.html", context, status=413 if refused else 200)


def _ended(request: HttpRequest, error: NotFound) -> HttpResponse:
    return render(
        request, "chat/sharing/ended.html", {"text": error.message, "code": error.status}, status=error.status
    )


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """The headers of what strangers get: for no search engine, no cache and no other site."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "private, no-store"
    if response.status_code == 200:
        response.headers["Content-Security-Policy"] = STRANGERS_POLICY
    return response
