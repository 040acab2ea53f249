"""Addresses that are handed to people: where the site is, and where they choose their password."""

import contextlib
from pathlib import Path

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from webui import address
from webui.models import User

HERE = "http://127.0.0.1:8000"  # where `make run` serves


def absolute(path: str) -> str:
    """`path` as people can open it, for the console: below SITE_URL, where an administrator last found the site, or
    where this machine last served.
    """
    origin = settings.SITE_URL or address.used_by_administrator() or _last_served() or HERE
    return f"{origin}{path}"


def served() -> str:
    """Where the site is as far as this machine knows without its database, for examples in texts."""
    return settings.SITE_URL or _last_served() or HERE


def remember_served(address: str) -> None:
    """Keep where the site is served, for commands that hand out links; no harm where it cannot be kept."""
    with contextlib.suppress(OSError):
        _kept().write_text(address)


def _last_served() -> str:
    try:
        return _kept().read_text().strip()
    except OSError:
        return ""


def _kept() -> Path:
    return Path(settings.DATA_DIR) / "last-served"


def password_path(user: User) -> str:
    """The page on which this person sets a password. It works once, for PASSWORD_RESET_TIMEOUT seconds."""
    key = default_token_generator.make_token(user)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
