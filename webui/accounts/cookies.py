"""The cookies for language and theme, which also hold before anyone has signed in."""

from django.conf import settings
from django.http.response import HttpResponseBase

YEAR = 365 * 24 * 60 * 60
THEME_COOKIE = "theme"


def remember_language(response: HttpResponseBase, code: str) -> None:
    if code in dict(settings.LANGUAGES):
        _set(response, settings.LANGUAGE_COOKIE_NAME, code)


def remember_theme(response: HttpResponseBase, theme: str) -> None:
    if theme in ("light", "dark", "system"):
        _set(response, THEME_COOKIE, theme)


def _set(response: HttpResponseBase, name: str, value: str) -> None:
    # Not HttpOnly: the page's own script writes the theme too; neither is a secret.
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
