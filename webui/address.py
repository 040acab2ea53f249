"""Where the site is in browsers: what links in mails, and links that are handed out, begin with.

SITE_URL says it. Where that is not set, it is the address that an administrator used last. A visitor's Host header
says it only where it can mean nothing else: whoever asks for a link in somebody else's mail chooses that header.
"""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host
from django.utils.translation import gettext as _

from providers import runtime
from providers.errors import ConfigurationError
from webui.models import SiteAddress


class WrittenAddress:
    """The address that this process has last seen in the row."""

    def __init__(self) -> None:
        self.origin = ""


def remember(request: HttpRequest) -> None:
    """An administrator is here: at this address the site is found. One write per change."""
    origin = _origin_of(request)
    written = runtime.state(WrittenAddress)
    if not settings.SITE_URL and written.origin != origin and len(origin) <= SiteAddress.LONGEST:
        SiteAddress.objects.update_or_create(pk=1, defaults={"origin": origin})
        written.origin = origin


def origin_for(request: HttpRequest) -> str:
    """What an absolute link begins with, without a slash at the end. Raises ConfigurationError while nobody knows."""
    origin = settings.SITE_URL or used_by_administrator()
    if not origin and not _visitors_choose():
        origin = _origin_of(request)
    if not origin:
        raise ConfigurationError(
            _(
                "This site does not know its own address yet, so it sends and shows no links. An administrator has to"
                " sign in once, or to set SITE_URL."
            ),
            code="site_address_unknown",
        )
    return origin


def used_by_administrator() -> str:
    """The address that an administrator used last, while the site still answers to it."""
    row = SiteAddress.objects.filter(pk=1).first()
    host = urlsplit(row.origin).hostname if row else None
    return row.origin if row and host and validate_host(host, settings.ALLOWED_HOSTS) else ""


def is_uncertain() -> bool:
    """Whether links rest on what an administrator used last, because nothing else says where the site is."""
    return not settings.SITE_URL and _visitors_choose()


def _visitors_choose() -> bool:
    """Whether a Host header can name more than one site; the names of this machine are one."""
    hosts = settings.ALLOWED_HOSTS
    one = len(hosts) == 1 and not hosts[0].startswith(("*", "."))
    return not one and not all(is_local(host) for host in hosts)


def is_local(host: str) -> bool:
    """Whether a host name or pattern can only mean this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _origin_of(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"
