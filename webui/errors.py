"""Error pages, and the same errors as JSON on the paths of the API."""

import math
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext as _
from django.views import defaults

from providers.errors import Forbidden, GatewayError, NotFound
from providers.process import outages
from providers.responses.error_responses import asks_as_anthropic, django_response, error_response

API_PATHS = ("/api/", "/openai/", "/ollama/", "/v1/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The 400 page, also for an invalid Host header: Django's, because the site's templates would read the host."""
    if _is_api(request):
        return django_response(error_response(exception, request.path, is_anthropic=asks_as_anthropic(request)))
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _respond(request, NotFound(_("There is nothing at this address.")), "404.html")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _respond(request, Forbidden(_("Your account may not do this.")), "403.html")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _respond(request, Forbidden(_("The CSRF token is missing or wrong."), code="csrf_failed"), "403_csrf.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for an unexpected exception, which Django is handling while it calls this."""
    exception = sys.exc_info()[1]
    outage = outages.of(exception) if exception is not None else None
    if outage is not None:
        return _respond(request, outage, "503.html", message=outage.message)
    error = GatewayError(_("Something went wrong. An administrator finds the reason in the log."))
    return _respond(request, error, "500.html", request_id=getattr(request, "id", ""))


def _is_api(request: HttpRequest) -> bool:
    return f"{request.path}/".startswith(API_PATHS)


def _respond(request: HttpRequest, error: GatewayError, template: str, **context: Any) -> HttpResponse:
    if _is_api(request):
        return django_response(error_response(error, request.path, is_anthropic=asks_as_anthropic(request)))
    if error.status >= 500:  # no context processors: they may need what failed
        page = HttpResponse(loader.get_template(template).render(context), status=error.status)
        if error.retry_after is not None:
            page["Retry-After"] = str(math.ceil(error.retry_after))
        return page
    return render(request, template, context, status=error.status)
