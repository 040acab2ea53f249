"""The two pages between this site and an OpenID provider: a provider that is away is an answer, not a crash."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.socialaccount.providers.openid_connect import views
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

View = Callable[..., HttpResponseBase]
logger = logging.getLogger(__name__)


def _said(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except OSError as error:  # what the HTTP library's errors are, whatever went wrong on the way
            logger.warning("The OpenID provider could not be asked: %s", type(error).__name__)
            return render(request, "socialaccount/authentication_error.html", {"unreachable": True}, status=502)

    return answer


login = _said(views.login)
callback = _said(views.callback)
