"""The context of every template."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from imagegen import access
from providers.authentication import caller_of
from webui.accounts import sections, setup
from webui.branding import current


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "SITE": SimpleLazyObject(current.site),
        "SITE_NAME": SimpleLazyObject(lambda: current.site().name),
        "SETTINGS_SECTIONS": SimpleLazyObject(sections.shown),
        "SETTINGS_FOUND": SimpleLazyObject(lambda: sections.matching(request)),
        "ENABLE_SIGNUP": settings.ENABLE_SIGNUP,
        "SETUP_NEEDED": SimpleLazyObject(_setup_needed),  # queries the database only where a template uses it
        "MAY_DRAW": SimpleLazyObject(lambda: _may_draw(request)),
    }


def _may_draw(request: HttpRequest) -> bool:
    return request.user.is_authenticated and access.may_draw(caller_of(request))


def _setup_needed() -> bool:
    return not setup.administrator_exists()
