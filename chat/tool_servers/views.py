"""/settings/tools: the tool servers that a person may use, with *Connect* and *Disconnect*. Works without scripts."""

from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from chat import chat_settings
from chat.tool_servers import services
from chat.tool_servers.connect import finish
from providers.addresses import site_origin_for
from providers.authentication import caller_of
from providers.errors import GatewayError, NotFound


@login_required
@never_cache
@require_safe
def tools(request: HttpRequest) -> HttpResponse:
    if not chat_settings.current_blocking().tools:
        raise Http404
    return render(
        request, "settings/tools.html", {"section": "tools", "servers": services.servers_of(caller_of(request))}
    )


@login_required
@require_POST
def connect(request: HttpRequest, server_id: int) -> HttpResponse:
    """The page from which a link leads to the authorization server: a form may not lead off this site (CSP)."""
    callback = services.callback_for(site_origin_for(request))
    try:
        address = services.begin_grant(caller_of(request), server_id, callback)
    except NotFound as error:
        raise Http404(error.message) from error
    except GatewayError as error:
        messages.error(request, error.full_message)
        return redirect("settings_tools")
    context = {"section": "tools", "address": address, "host": urlsplit(address).hostname}
    return render(request, "settings/connect_tools.html", context)


@login_required
@never_cache
@require_safe
def come_back(request: HttpRequest) -> HttpResponse:
    """The person comes from the authorization server, with a code or with the reason why there is none."""
    given = {name: request.GET.get(name, "") for name in ("state", "code", "error")}
    try:
        finish(caller_of(request).user_id, issuer=request.GET.get("iss", ""), **given)
        messages.success(request, _("Connected."))
    except GatewayError as error:
        messages.error(request, error.full_message)
    return redirect("settings_tools")


@login_required
@require_POST
def disconnect(request: HttpRequest, server_id: int) -> HttpResponse:
    try:
        services.drop_grant(caller_of(request), server_id)
        messages.success(request, _("Disconnected. Your grant was deleted here."))
    except NotFound as error:
        raise Http404(error.message) from error
    return redirect("settings_tools")
