"""Addresses: the check of base URLs, and where this site is in browsers and what it is called.

Container names (`http://ollama:11434/v1`) are allowed as domains are. The modules that know where the site is and its
name stand above this app: `settings.SITE_ADDRESS` and `settings.SITE_LOOK` name them.
"""

import base64
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


def validate_base_url(value: str) -> None:
    """Raise ValidationError unless the value is an http(s) address with a host and without user, query and fragment."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(char.isspace() or ord(char) < 32 for char in value):
        raise ValidationError(
            _("“%(value)s” is not an address such as https://api.openai.com/v1."), "invalid", {"value": value}
        )
    if parts.username or parts.password:
        raise ValidationError(_("Enter the key in its own field, not in the address."), "credentials")
    if parts.query or parts.fragment:
        raise ValidationError(_("The address must end before “?” and “#”."), "query")


def without_credentials(url: str) -> tuple[str, str]:
    """An address without user name and password, and the value of the header `Authorization` that says the same.

    The second is empty where the address holds none.
    """
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        return url, ""
    if not user and not password:
        return url, ""
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return plain, f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def site_origin_for(request: HttpRequest) -> str:
    """The origin for links in the response to this request, without a trailing slash.

    Raises ConfigurationError while nobody knows.
    """
    return str(_site_address().origin_for_asker(request))


def known_site_origin() -> str:
    """SITE_URL, or the address that an administrator used last; empty without both. One query at most."""
    return str(_site_address().known())


def site_name() -> str:
    """The name that the administrator gave the site, else SITE_NAME, else the product's. One query."""
    return str(import_module(settings.SITE_LOOK).stored_name())


def _site_address() -> Any:
    return import_module(settings.SITE_ADDRESS)
