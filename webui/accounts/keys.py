"""The settings pages of a person's own API keys: the list, and a page for each."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from providers import services
from providers.errors import ConfigurationError, Conflict
from providers.models import ClientKey
from webui import address
from webui.accounts import queries
from webui.accounts.forms import KeyForm, NewKeyForm, ReplaceKeyForm


@login_required
@never_cache  # the response shows a new key
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = NewKeyForm(request.POST or None)
    new_key = ""
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        lifetime = values.pop("lifetime")
        expires = timezone.now() + timedelta(days=int(lifetime)) if lifetime else None
        _row, new_key = services.issue_key(user, expires_at=expires, **values)
        form = NewKeyForm()
    context = {
        "form": form,
        "section": "keys",
        "keys": queries.keys_of(user),
        "new_key": new_key,
        "now": timezone.now(),
        "base_url": f"{_origin(request)}/v1",
    }
    return render(request, "settings/keys/keys.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def key(request: HttpRequest, key_id: int) -> HttpResponse:
    row = _own(request, key_id)
    stored = _stored(row)
    form = KeyForm(request.POST or None, initial=stored)
    if request.method == "POST" and form.is_valid():
        row.name, row.models, row.addresses = (form.cleaned_data[name] for name in ("name", "models", "addresses"))
        if form.cleaned_data["last_day"] != stored["last_day"]:
            row.expires_at = _end_of(form.cleaned_data["last_day"])
        row.save(update_fields=["name", "models", "addresses", "expires_at"])
        messages.success(request, _("Saved."))
        return redirect("settings_keys")
    return _page(request, row, form)


@login_required
@never_cache  # as above
@require_POST
def replace_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Give the key a new secret, which this response shows once."""
    row = _own(request, key_id)
    form = ReplaceKeyForm(request.POST)
    if not form.is_valid():
        return redirect("settings_key", key_id)
    try:
        secret = services.rotate_key(row, keep=timedelta(seconds=int(form.cleaned_data["keep"])))
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("settings_keys")
    return _page(request, row, new_key=secret)


@login_required
@require_POST
def end_former_key(request: HttpRequest, key_id: int) -> HttpResponse:
    services.end_former_secret(_own(request, key_id))
    messages.success(request, _("The former key no longer works."))
    return redirect("settings_key", key_id)


@login_required
@require_POST
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    row = _own(request, key_id)
    services.revoke_key(row)
    messages.success(request, _("The key “%(name)s” no longer works.") % {"name": row.name or row.prefix})
    return redirect("settings_keys")


def _page(request: HttpRequest, row: ClientKey, form: KeyForm | None = None, new_key: str = "") -> HttpResponse:
    context = {
        "form": form or KeyForm(initial=_stored(row)),
        "replace": ReplaceKeyForm(auto_id="replace_%s"),
        "section": "keys",
        "key": row,
        "new_key": new_key,
        "now": timezone.now(),
    }
    return render(request, "settings/keys/key.html", context)


def _stored(row: ClientKey) -> dict[str, Any]:
    last_day = timezone.localtime(row.expires_at).date() if row.expires_at else None
    return {"name": row.name, "last_day": last_day, "models": row.models, "addresses": row.addresses}


def _own(request: HttpRequest, key_id: int) -> ClientKey:
    user: Any = request.user
    row = queries.keys_of(user).filter(pk=key_id).first()
    if row is None:
        raise Http404
    return row


def _end_of(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time(23, 59, 59))) if day else None


def _origin(request: HttpRequest) -> str:
    """The address of the site as this page shows it; while it is unknown, the address of the request."""
    try:
        return address.origin_for(request)
    except ConfigurationError:
        return str(request.build_absolute_uri("/")).rstrip("/")
