"""Links for people: absolute addresses of the site, and the page on which a password is chosen."""

import contextlib
from pathlib import Path

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from webui import address
from webui.models import User

HERE = "http://127.0.0.1:8000"  # the default of `make run`


def absolute(path: str) -> str:
    """The absolute address of a path, for output of commands.

    It begins with SITE_URL, else with the address that an administrator used last, else with the one that this machine
    served last.
    """
    origin = address.known() or _last_served() or HERE
    return f"{origin}{path}"


def served() -> str:
    """The site's address, for examples in texts. Makes no query."""
    return settings.SITE_URL or _last_served() or HERE


def remember_served(address: str) -> None:
    """Write the address that is served to a file, for commands that print links. Errors are ignored."""
    with contextlib.suppress(OSError):
        _last_served_file().write_text(address)


def _last_served() -> str:
    try:
        return _last_served_file().read_text().strip()
    except OSError:
        return ""


def _last_served_file() -> Path:
    return Path(settings.DATA_DIR) / "last-served"


def password_path(user: User) -> str:
    """The path of the page on which this person sets a password. It works once, for PASSWORD_RESET_TIMEOUT seconds."""
    key = default_token_generator.make_token(user)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
