"""The pages for what went wrong, and the same as JSON on the API's paths."""

import math
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from providers.error_responses import django_response, error_response
from providers.errors import Forbidden, GatewayError, NotFound
from providers.process import outages

API_PATHS = ("/api/", "/openai/", "/v1/")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, NotFound(_("There is nothing here.")), "404.html")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, Forbidden(_("This is not for your account.")), "403.html")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, Forbidden(_("The CSRF token is missing or wrong."), code="csrf_failed"), "403_csrf.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls this while it handles the exception."""
    failure = sys.exc_info()[1]
    away = outages.of(failure) if failure is not None else None
    if away is not None:
        return _answer(request, away, "503.html", message=away.message)
    error = GatewayError(_("Something went wrong here. It has been written to the log."))
    return _answer(request, error, "500.html", request_id=getattr(request, "id", ""))


def _answer(request: HttpRequest, error: GatewayError, template: str, **context: Any) -> HttpResponse:
    if request.path.startswith(API_PATHS):
        return django_response(error_response(error, request.path))
    if error.status >= 500:  # whatever failed may be what the context processors need
        from django.template import loader

        page = HttpResponse(loader.get_template(template).render(context), status=error.status)
        if error.retry_after is not None:
            page["Retry-After"] = str(math.ceil(error.retry_after))
        return page
    return render(request, template, context, status=error.status)
