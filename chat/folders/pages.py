"""Pages of lists: all chats, archived ones, the trash, the chats of a folder; and the dialogs about folders."""

from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from chat import access, search
from chat.folders import services
from chat.pages import sidebar
from chat.pages.views import page, sidebar_of
from chat.services import TRASH_DAYS
from providers.errors import BadRequest


class Deed(NamedTuple):
    """A button for the chosen chats; `opens` says that a dialog comes first."""

    name: str  # of `chat.filing.NAMES`
    icon: str
    label: str
    kind: str = ""
    opens: str = ""


@page
def all_chats(request: HttpRequest) -> HttpResponseBase:
    """Every chat, by filters and words; filters that are none are left out, as in the sidebar."""
    try:
        filters = search.ChatFilters.of({"archived": "all", **request.GET.dict()})
    except BadRequest:
        filters = search.ChatFilters(archived=None)
    context = {
        "heading": _("All chats"),
        "nothing": _("No chat is like this."),
        **sidebar.filter_choices(request.user),
    }
    return _list(request, "all", filters, context)


@page
def archive(request: HttpRequest) -> HttpResponseBase:
    context = {"heading": _("Archived chats"), "nothing": _("Nothing is archived.")}
    return _list(request, "archive", search.ChatFilters(archived=True), context)


@page
def trash(request: HttpRequest) -> HttpResponseBase:
    context = {"heading": _("Trash"), "nothing": _("The trash is empty."), "trash_days": TRASH_DAYS}
    return _list(request, "trash", search.ChatFilters(deleted=True), context)


@page
def show_folder(request: HttpRequest, folder_id: UUID) -> HttpResponseBase:
    folder = access.folder_for(request.user, folder_id)
    context = {
        "heading": folder.name,
        "nothing": _("No chat is in this folder yet."),
        "folder": folder,
        "files": services.files_of(folder),
    }
    return _list(request, "folder", search.ChatFilters(folder=folder.pk), context)


@page
def choose_part(request: HttpRequest) -> HttpResponseBase:
    """The dialog that asks into which folder chats are moved."""
    return render(request, "chat/folders/_choose.html", {"folders": services.folders_of(request.user)})


@page
def settings_part(request: HttpRequest, folder_id: UUID | None = None) -> HttpResponseBase:
    """The form of a folder, or of a new one."""
    folder = access.folder_for(request.user, folder_id) if folder_id else None
    files = services.files_of(folder) if folder else []
    context = {"folder": folder, "files": files, "most_characters": services.MOST_CHARACTERS}
    return render(request, "chat/folders/_settings.html", context)


def _list(request: HttpRequest, kind: str, filters: search.ChatFilters, more: dict[str, Any]) -> HttpResponseBase:
    words = request.GET.get("q", "").strip()[:200]
    cursor = request.GET.get("cursor", "")
    given = {name: str(value) for name, value in request.GET.items() if name not in ("q", "cursor")}
    chats = sidebar.chat_page(request.user, filters=filters, words=words, cursor=cursor)
    context = {
        "kind": kind,
        "words": words,
        "given": given,
        "chats": replace(chats, query={"q": words, **given} if words else given),
        "actions": _deeds(kind),
        **more,
    }
    if "X-Part" in request.headers:
        return render(request, "chat/folders/_list.html", context)
    tabs = [
        ("all", reverse("chats"), _("All chats")),
        ("archive", reverse("archive"), _("Archived chats")),
        ("trash", reverse("trash"), _("Trash")),
    ]
    listed = {"sidebar_chats": sidebar_of(request.user)}
    return render(request, "chat/folders/page.html", {**context, **listed, "tabs": tabs})


def _deeds(kind: str) -> list[Deed]:
    move = Deed("move", "folder-input", _("Move to …"), opens="dialog")
    delete = Deed("delete", "trash-2", _("Delete"), kind="button-danger")
    match kind:
        case "trash":
            erase = Deed("erase", "trash-2", _("Delete for good"), kind="button-danger", opens="dialog")
            return [Deed("restore", "undo-2", _("Restore")), erase]
        case "archive":
            return [Deed("unarchive", "archive-restore", _("Take out of the archive")), move, delete]
    return [
        move,
        Deed("pin", "pin", _("Pin")),
        Deed("archive", "archive", _("Archive")),
        Deed("read", "check", _("Mark as read")),
        delete,
    ]
