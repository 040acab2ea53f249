"""/settings/notices: which devices are told, and what; and what a browser keeps of this site: a worker and a page."""

from functools import lru_cache
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.push import devices
from chat.services import set_preferences
from providers.errors import NotFound

WITH_TEXT = "notice_text"  # the preference


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notices(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if request.method == "POST":
        set_preferences(user.pk, {WITH_TEXT: True if request.POST.get("text") == "yes" else None})
        messages.success(request, _("Saved."))
        return redirect("settings_notices")
    shown = {"section": "notices", "devices": devices.of(user.pk), "with_text": user.preferences.get(WITH_TEXT)}
    return render(request, "settings/notices.html", shown)


@login_required
@require_POST
def remove_device(request: HttpRequest, device_id: int) -> HttpResponse:
    user: Any = request.user
    try:
        devices.device_for(user.pk, device_id).delete()
    except NotFound as error:
        raise Http404(error.message) from error
    messages.success(request, _("This device is no longer told."))
    return redirect("settings_notices")


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker. It stands at the root, as it may only serve what is below it."""
    response = HttpResponse(_worker(), content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@lru_cache(maxsize=1)
def _worker() -> str:
    with open(str(finders.find("js/worker/worker.js"))) as file:
        return file.read()


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What a browser shows without a network: it holds nothing of anybody."""
    return render(request, "notices/offline.html")


@csrf_exempt  # it does nothing: what was shared is kept by the worker, and only a browser without it comes here
@require_http_methods(["GET", "HEAD", "POST"])
def shared_by_device(request: HttpRequest) -> HttpResponse:
    return redirect("home")
