"""The pages of the chat, and their parts: pieces of HTML that the scripts of a page ask for (`X-Part`, htmx)."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from chat import (
    access,
    chat_settings,
    choice,
    filing,
    markdown,
    pipeline,
    rules,
    search,
    serializers,
    services,
    tools,
)
from chat.access import Person
from chat.drafts import services as drafts
from chat.models import Chat, Folder
from chat.pages import queries, sidebar, welcome
from chat.queued import services as queue
from chat.temporary import new_chat_id
from providers import catalogue
from providers.authentication import caller_of
from providers.catalogue import defaults
from providers.errors import BadRequest, NotFound
from providers.facts import Caller, Route
from providers.matching.variables import zone_in
from providers.relay import own_usage
from providers.speech import voices

FILTERS = ("folder", "model", "since", "until", "pictures", "unread")  # of the search of the sidebar
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
    """A new chat, with `?model=` for this model, in the folder `?folder=`, or with `?temporary=1` a temporary one."""
    return _chat_page(request, None, temporary="temporary" in request.GET)


@page
def show_chat(request: HttpRequest, chat_id: UUID) -> HttpResponseBase:
    chat = access.chat_for(request.user, chat_id)
    services.settle_stale(chat)
    filing.see(chat)
    return _chat_page(request, chat)


@page
def thread_part(request: HttpRequest, chat_id: UUID) -> HttpResponseBase:
    """The end of the shown branch, or the stretch above the message `?before=`, or below `?after=`."""
    chat = access.chat_for(request.user, chat_id)
    before, after = (as_uuid(request.GET.get(name, "")) for name in ("before", "after"))
    thread = queries.thread(chat, before=before, after=after)
    return render(request, "chat/_turns.html", {"chat": chat, "thread": thread})


@page
def message_part(request: HttpRequest, chat_id: UUID, message_id: UUID) -> HttpResponseBase:
    """A message; with `?whole=1` all of it, however long it is."""
    whole = "whole" in request.GET
    among = queries.rated() if whole else queries.beginnings()
    message = access.message_for(request.user, message_id, chat_id=chat_id, among=among)
    context = {"chat": message.chat, "entry": queries.entry(message, whole=whole), "unfolded": whole}
    return render(request, "chat/messages/_message.html", context)


@page
def sidebar_part(request: HttpRequest) -> HttpResponseBase:
    return render(request, "chat/_chat_list.html", _sidebar(request))


@page
def filters_part(request: HttpRequest) -> HttpResponseBase:
    """The fields that narrow the search of the sidebar."""
    return render(request, "chat/folders/_filters.html", sidebar.filter_choices(request.user))


@page
def models_part(request: HttpRequest) -> HttpResponseBase:
    """The models this person may use, as options of the picker."""
    caller = caller_of(request)
    routes = catalogue.snapshot_blocking().routes_for(caller)
    ordered = sorted(
        routes,
        key=lambda route: (route.needs is None, route.is_demo, defaults.natural(route.name or route.public_id)),
    )
    pictures = queries.pictures_of(ordered)
    offered = [(route, pictures.get(route.public_id)) for route in ordered]
    return render(request, "chat/composer/_models.html", {"offered": offered})


@page
def welcome_part(request: HttpRequest) -> HttpResponseBase:
    """The page of a new chat with `?model=`, which was chosen there."""
    caller = caller_of(request)
    allowed = {route.public_id: route for route in catalogue.snapshot_blocking().routes_for(caller)}
    model = allowed.get(request.GET.get("model", "")) or allowed.get(choice.default_model(caller))
    context = {"model": model, "is_demo": model is not None and model.is_demo}
    context |= _welcome(request, caller, pipeline.toggles_for(caller), allowed, model)
    return render(request, "chat/_welcome.html", context)


def _welcome(
    request: HttpRequest, caller: Caller, toggles: Any, allowed: dict[str, Route], model: Route | None
) -> dict[str, Any]:
    picture = queries.pictures_of([model]).get(model.public_id) if model is not None else None
    return welcome.context(caller, request.user, toggles, list(allowed.values()), model) | {"picture": picture}


@page
def rules_part(request: HttpRequest) -> HttpResponseBase:
    """The dialog for a chat's own rules, without values."""
    context = {
        "tools": tools.offered_to(caller_of(request)),
        "efforts": rules.EFFORTS.items(),
        "longest": rules.MAX_PROMPT,
        "hottest": rules.MAX_HEAT,
        "most_tokens": rules.MAX_TOKENS,
        "example": "{{CURRENT_DATE}}",
        "may_make_assistants": chat_settings.current_blocking().assistants or request.user.is_superuser,
    }
    return render(request, "chat/rules/_dialog.html", context)


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
        "folder": chat.folder if chat else _folder(request),
        "may_be_temporary": may_be_temporary,
        "temporary_id": new_chat_id() if temporary and may_be_temporary else "",
        "temporary_hours": settings.TEMPORARY_FILE_HOURS,
        "model": model,
        "is_demo": model is not None and model.is_demo,
        "toggles": toggles,
        "voice": voices.voice_for(snapshot, caller, _preferences(request).get("voice", "")),
        "ear": voices.ear_for(snapshot, caller),
        "page_scripts": [handler.page_script for handler in pipeline.handlers() if handler.page_script],
        "page_parts": [handler.page_part for handler in pipeline.handlers() if handler.page_part],
        "budget_warnings": own_usage.warnings_of(caller),
        "draft": None if temporary else drafts.shown(request.user, str(chat.pk) if chat else drafts.NEW),
        "queue": queue.shown(chat) if chat else None,
        "max_files": serializers.MAX_FILES,
        "max_bytes": settings.FILE_MAX_BYTES,
    }
    if chat is None:
        context |= _welcome(request, caller, toggles, allowed, model)
    else:
        context |= _thread(request, chat)
    if _wants_main_only(request):
        answer = render(request, "chat/_main.html", context)
    else:
        answer = render(request, "chat/page.html", {**context, **_sidebar(request)})
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _preferences(request: HttpRequest) -> dict[str, Any]:
    user: Any = request.user
    return dict(user.preferences)


def _thread(request: HttpRequest, chat: Chat) -> dict[str, Any]:
    """The end of the chat; with `?message=` that message and those around it, on whichever branch it is."""
    names = ("before", "after", "message")
    before, after, wanted = (as_uuid(request.GET.get(name, "")) for name in names)
    thread = queries.thread(chat, before=before, after=after, around=wanted)
    if wanted and not any(entry.message.pk == wanted for entry in thread.entries):
        try:
            services.select_branch(access.message_for(request.user, wanted, chat_id=chat.pk))
        except NotFound:
            return {"thread": thread}  # it was deleted since: the chat itself is there
        chat.refresh_from_db(fields=["leaf"])
        thread = queries.thread(chat, around=wanted)
    return {"thread": thread, "wanted": wanted}


def _folder(request: HttpRequest) -> Folder | None:
    """The folder of a new chat, `?folder=`."""
    folder_id = request.GET.get("folder", "")
    return access.folder_for(request.user, folder_id) if folder_id else None


def sidebar_of(user: Person) -> sidebar.SidebarPage:
    """The list of chats as it stands beside a page that is about something else."""
    return sidebar.sidebar_page(user)


def _sidebar(request: HttpRequest) -> dict[str, Any]:
    """The list of chats, or what a search with its filters finds. Filters that are none are left out: it is typed."""
    words = request.GET.get("q", "").strip()[:200]
    cursor = request.GET.get("cursor", "")
    given = {name: request.GET[name] for name in FILTERS if request.GET.get(name)}
    try:
        filters = search.ChatFilters.of({"archived": "all", **given})
    except BadRequest:
        given, filters = {}, search.ChatFilters(archived=None)
    if given:
        chats = sidebar.chat_page(request.user, filters=filters, words=words, cursor=cursor)
    else:
        chats = sidebar.sidebar_page(request.user, words=words, cursor=cursor)
    query = {"q": words, **given} if words else given
    return {"words": words, "sidebar_chats": replace(chats, query=query)}


def _is_part(request: HttpRequest) -> bool:
    return "X-Part" in request.headers or "HX-Request" in request.headers


def _wants_main_only(request: HttpRequest) -> bool:
    """Whether htmx asks for the main part alone, as it does for links; when going back it needs the whole page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """The time zone that the browser named in a cookie; None for the site's own."""
    return zone_in(request.COOKIES)


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
