"""/settings/assistants: one's own assistants and those of others; they are made, changed, copied and deleted without
scripts. And the pictures of all.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import chat_settings, choice
from chat import files as chat_files
from chat.assistants import services
from chat.assistants.forms import AssistantForm, initial_of
from chat.models import Assistant
from providers import catalogue
from providers.authentication import caller_of
from providers.errors import GatewayError, NotFound

CACHING = "private, max-age=86400"  # its address names the bytes


@login_required
@never_cache
@require_safe
def assistants(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    _check_offered(user)
    caller = caller_of(request)
    usable = {route.public_id for route in catalogue.snapshot_blocking().routes_for(caller)}
    rows = [services.as_json(row, user, usable) for row in services.usable_by(caller, user)]
    context = {
        "section": "assistants",
        "own": [row for row in rows if row["own"]],
        "shared": [row for row in rows if not row["own"]],
    }
    return render(request, "settings/assistants.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_assistant(request: HttpRequest) -> HttpResponse:
    _check_offered(request.user)
    return _form_page(request, None)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def assistant(request: HttpRequest, assistant_id: UUID) -> HttpResponse:
    return _form_page(request, _own(request, assistant_id))


@login_required
@require_POST
def duplicate_assistant(request: HttpRequest, assistant_id: UUID) -> HttpResponse:
    row = _own(request, assistant_id)
    try:
        copy = services.duplicate(row, caller_of(request), request.user)
    except GatewayError as error:
        messages.error(request, error.message)
        return redirect("settings_assistants")
    messages.success(request, _("This is the copy."))
    return redirect("settings_assistant", copy.pk)


@login_required
@require_POST
def delete_assistant(request: HttpRequest, assistant_id: UUID) -> HttpResponse:
    row = _own(request, assistant_id)
    services.delete(row)
    messages.success(request, _("“%(name)s” was deleted.") % {"name": row.model.name})
    return redirect("settings_assistants")


@login_required
@require_safe
def picture(request: HttpRequest, assistant_id: UUID) -> HttpResponse:
    """The picture, for those who may use the assistant."""
    try:
        row = services.assistant_for(caller_of(request), request.user, assistant_id)
    except NotFound as error:
        raise Http404(error.message) from error
    content = bytes(Assistant.objects.values_list("picture", flat=True).get(pk=row.pk))
    if not content:
        raise Http404
    return HttpResponse(content, content_type="image/png", headers={"Cache-Control": CACHING})


def _form_page(request: HttpRequest, row: Assistant | None) -> HttpResponse:
    caller, user = caller_of(request), request.user
    initial = initial_of(row) if row is not None else {"base": choice.default_model(caller), "access": "private"}
    form = AssistantForm(caller, user, row, request.POST or None, request.FILES or None, initial=initial)
    if row is None or row.tools is None:
        form.initial["tools"] = form.offered
    if request.method == "POST" and form.is_valid():
        try:
            saved = _save(request, form, row)
        except GatewayError as error:
            form.add_error(error.param if error.param in form.fields else None, error.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("settings_assistant", saved.pk)
    context = {
        "section": "assistants",
        "form": form,
        "assistant": row,
        "picture": services.picture_url(row) if row is not None else None,
    }
    return render(request, "settings/assistant.html", context)


def _save(request: HttpRequest, form: AssistantForm, row: Assistant | None) -> Assistant:
    """Store uploads, the assistant, and its picture, which is checked before. Raises GatewayError."""
    user: Any = request.user
    data, caller = form.cleaned_data, caller_of(request)
    picture = services.checked_picture(user, data["picture"]) if data.get("picture") else b""
    uploads = [
        chat_files.accept(user, file, name=file.name or "", context=chat_files.upload_context())
        for file in data.get("uploads") or ()
    ]
    given = {**data["values"], "files": [*(data.get("attached") or ()), *(file.pk for file in uploads)]}
    if row is None:
        row = services.create(caller, user, given)
    else:
        services.change(row, caller, user, given)
    if picture:
        services.set_picture(row, picture)
    elif data.get("remove_picture"):
        services.remove_picture(row)
    return row


def _own(request: HttpRequest, assistant_id: UUID) -> Assistant:
    try:
        return services.own_for(request.user, assistant_id)
    except NotFound as error:
        raise Http404(error.message) from error


def _check_offered(user: Any) -> None:
    if not (chat_settings.current_blocking().assistants or user.is_superuser):
        raise Http404
