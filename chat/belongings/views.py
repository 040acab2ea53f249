"""/settings/data: bring chats in, take everything along, delete it. Works without scripts, which only keep it fresh."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from chat import transfers
from chat.belongings import services, table
from chat.imports.formats.table import FORMATS
from chat.models import Transfer
from providers import stored_errors
from providers.errors import CallerError, NotFound, Unavailable

SHOWN = 300  # chats of an import that the page lists
STATES = ("new", "grown", "known", "trashed", "unreadable")
Kind, State = Transfer.TransferKind, Transfer.TransferState


def _verb(view: Callable[..., None]) -> Any:
    """A view for a form of the page: what it raises is told on the page."""

    @login_required
    @sensitive_post_parameters("password")
    @require_POST
    @wraps(view)
    def inner(request: HttpRequest, **values: Any) -> HttpResponse:
        try:
            view(request, **values)
        except NotFound as error:
            raise Http404(error.message) from error
        except (CallerError, Unavailable) as error:
            messages.error(request, error.message)
        return redirect("settings_data")

    return inner


@login_required
@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    rows = {kind: list(transfers.own(request.user, kind)[:3]) for kind in Kind.values}
    context = {
        "section": "data",
        "imported": [_shown(row) for row in rows[Kind.IMPORT]],
        "exports": [_shown(row) for row in rows[Kind.EXPORT][:1]],
        "erasures": [_shown(row) for row in rows[Kind.ERASURE][:1]],
        "under_way": any(row.is_open for listed in rows.values() for row in listed),
        "formats": [format.label for format in FORMATS if format.label],
    }
    template = "settings/belongings/_state.html" if "X-Part" in request.headers else "settings/belongings/page.html"
    return render(request, template, context)


@login_required
@never_cache
@require_safe
def ask_to_delete(request: HttpRequest) -> HttpResponse:
    """The second page before a deletion: what there is, what of it shall go, and the password."""
    user: Any = request.user
    context = {"section": "data", "things": services.counts_of(user.pk), "has_password": user.has_usable_password()}
    return render(request, "settings/belongings/delete.html", context)


@_verb
def bring(request: HttpRequest) -> None:
    upload = request.FILES.get("file")
    if upload is None:
        messages.error(request, _("Choose a file first."))
        return
    services.begin_import(request.user, upload)


@_verb
def start(request: HttpRequest, transfer_id: str) -> None:
    services.bring_in(transfers.own(request.user, Kind.IMPORT, transfer_id))


@_verb
def pack(request: HttpRequest) -> None:
    services.begin_export(request.user)


@_verb
def cancel(request: HttpRequest, kind: str, transfer_id: str) -> None:
    transfers.cancel(transfers.own(request.user, kind, transfer_id))


@_verb
def forget(request: HttpRequest, kind: str, transfer_id: str) -> None:
    transfers.remove(transfers.own(request.user, kind, transfer_id))


@_verb
def delete(request: HttpRequest) -> None:
    sections = [name for name in request.POST.getlist("sections") if name in table.names()]
    words = {name: request.POST.get(name, "") for name in ("password", "address")}
    services.begin_erasure(request.user, sections, **words)


def _shown(row: Transfer) -> dict[str, Any]:
    """A transfer as the page shows it."""
    states = row.report.get("chats", {})
    listed = row.report.get("listed", [])
    labels = {belonging.name: belonging.label for belonging in table.all_of()}
    error = stored_errors.for_owner(row.error, lambda: row.user) or {}
    return {
        "row": row,
        "percent": round(100 * float(row.progress.get("share") or 0)),
        "states": [(name, states[name]) for name in STATES if states.get(name)],
        "listed": sorted(listed, key=lambda chat: -STATES.index(chat["state"]))[:SHOWN],
        "unlisted": max(0, sum(states.values()) - min(len(listed), SHOWN)),
        "coming": states.get("new", 0) + states.get("grown", 0),
        "counts": [(labels[name], n) for name, n in row.report.get("counts", {}).items() if name in labels and n],
        "error": error.get("message", ""),
        "may_start": bool(row.storage_name) and row.state in (State.READY, State.FAILED, State.CANCELLED),
    }
