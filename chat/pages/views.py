"""The pages of the chat, and their parts: pieces of HTML that the scripts of a page ask for (`X-Part`, htmx)."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from chat import access, chat_settings, choice, markdown, pipeline, serializers, services
from chat.models import Chat
from chat.pages import queries, welcome
from chat.temporary import new_chat_id
from providers import catalogue
from providers.authentication import caller_of
from providers.catalogue import defaults
from providers.errors import NotFound
from providers.relay import own_usage
from providers.speech import voices

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A view for people who are signed in, in their own time zone; NotFound becomes a 404."""
    return require_safe(_for_people(view))


def action(view: View) -> View:
    """A view for a form that a page posts, for people who are signed in; NotFound becomes a 404."""
    return require_POST(_for_people(view))


def _for_people(view: View) -> View:
    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            # A part cannot show a login page: the script that asked for it reloads the page when it sees the 401.
            return HttpResponse(status=401) if _is_part(request) else redirect_to_login(request.get_full_path())
        with timezone.override(zone_of(request)), markdown.one_page():
            try:
                return view(request, *args, **kwargs)
            except NotFound as error:
                raise Http404(error.message) from error

    return inner


@page
def home(request: HttpRequest) -> HttpResponseBase:
    """A new chat, with `?model=` for this model, or with `?temporary=1` a temporary one."""
    return _chat_page(request, None, temporary="temporary" in request.GET)


@page
def show_chat(request: HttpRequest, chat_id: UUID) -> HttpResponseBase:
    chat = access.chat_for(request.user, chat_id)
    services.settle_stale(chat)
    return _chat_page(request, chat)


@page
def thread_part(request: HttpRequest, chat_id: UUID) -> HttpResponseBase:
    """The end of the shown branch, or with `?before=` the stretch above that message."""
    chat = access.chat_for(request.user, chat_id)
    thread = queries.thread(chat, before=as_uuid(request.GET.get("before", "")))
    return render(request, "chat/_turns.html", {"chat": chat, "thread": thread})


@page
def message_part(request: HttpRequest, chat_id: UUID, message_id: UUID) -> HttpResponseBase:
    """A message; with `?whole=1` all of it, however long it is."""
    whole = "whole" in request.GET
    among = None if whole else queries.beginnings()
    message = access.message_for(request.user, message_id, chat_id=chat_id, among=among)
    context = {"chat": message.chat, "entry": queries.entry(message, whole=whole), "unfolded": whole}
    return render(request, "chat/messages/_message.html", context)


@page
def sidebar_part(request: HttpRequest) -> HttpResponseBase:
    return render(request, "chat/_chat_list.html", _sidebar(request))


@page
def models_part(request: HttpRequest) -> HttpResponseBase:
    """The models this person may use, as options of the picker."""
    caller = caller_of(request)
    routes = catalogue.snapshot_blocking().routes_for(caller)
    ordered = sorted(routes, key=lambda route: (route.is_demo, defaults.natural(route.name or route.public_id)))
    return render(request, "chat/composer/_models.html", {"routes": ordered})


@page
def budget_part(request: HttpRequest) -> HttpResponseBase:
    """The line about budgets that are nearly used up; empty where none is."""
    lines = own_usage.warnings_of(caller_of(request))
    return render(request, "common/_budget_warning.html", {"budget_warnings": lines})


def _chat_page(request: HttpRequest, chat: Chat | None, *, temporary: bool = False) -> HttpResponseBase:
    caller = caller_of(request)
    snapshot = catalogue.snapshot_blocking()
    allowed = {route.public_id: route for route in snapshot.routes_for(caller)}
    wanted = chat.model if chat else request.GET.get("model", "")
    model = allowed.get(wanted) or allowed.get(choice.default_model(caller))
    toggles = pipeline.toggles_for(caller)
    may_be_temporary = chat is None and chat_settings.current_blocking().temporary_chats
    context: dict[str, Any] = {
        "chat": chat,
        "may_be_temporary": may_be_temporary,
        "temporary_id": new_chat_id() if temporary and may_be_temporary else "",
        "temporary_hours": settings.TEMPORARY_FILE_HOURS,
        "model": model,
        "is_demo": model is not None and model.is_demo,
        "toggles": toggles,
        "voice": voices.voice_for(snapshot, caller),
        "page_scripts": [handler.page_script for handler in pipeline.handlers() if handler.page_script],
        "page_parts": [handler.page_part for handler in pipeline.handlers() if handler.page_part],
        "budget_warnings": own_usage.warnings_of(caller),
        "max_files": serializers.MAX_FILES,
        "max_bytes": settings.FILE_MAX_BYTES,
    }
    if chat is None:
        context |= welcome.context(caller, request.user, toggles, list(allowed.values()), model)
    else:
        context["thread"] = queries.thread(chat, before=as_uuid(request.GET.get("before", "")))
    if _wants_main_only(request):
        answer = render(request, "chat/_main.html", context)
    else:
        answer = render(request, "chat/page.html", {**context, **_sidebar(request)})
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _sidebar(request: HttpRequest) -> dict[str, Any]:
    words = request.GET.get("q", "").strip()[:200]
    cursor = request.GET.get("cursor", "")
    return {"words": words, "chats": queries.sidebar_page(request.user, words=words, cursor=cursor)}


def _is_part(request: HttpRequest) -> bool:
    return "X-Part" in request.headers or "HX-Request" in request.headers


def _wants_main_only(request: HttpRequest) -> bool:
    """Whether htmx asks for the main part alone, as it does for links; when going back it needs the whole page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """The time zone that the browser named in a cookie; None for the site's own."""
    try:
        return ZoneInfo(request.COOKIES["timezone"].replace("%2F", "/"))
    except (KeyError, ValueError, OSError, ZoneInfoNotFoundError):
        return None


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
