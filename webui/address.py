"""The public address of the site, for links in mails and links that are handed out.

It is SITE_URL. Where that is not set, it is the address that an administrator used last. The Host header of a visitor
counts only where ALLOWED_HOSTS allows a single site: visitors choose this header, also when they request a mail to
another person.
"""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host
from django.utils.translation import gettext as _

from providers import runtime, versioning
from providers.errors import ConfigurationError
from webui.models import SiteAddress


class WrittenAddress:
    """The address that this process wrote last."""

    def __init__(self) -> None:
        self.origin = ""


def remember(request: HttpRequest) -> None:
    """Store the address of an administrator's request as that of the site. Writes only when it has changed."""
    origin = _origin_of(request)
    written = runtime.state(WrittenAddress)
    if not settings.SITE_URL and written.origin != origin and len(origin) <= SiteAddress.LONGEST:
        if not SiteAddress.objects.filter(pk=1, origin=origin).exists():
            SiteAddress.objects.update_or_create(pk=1, defaults={"origin": origin})
            versioning.changed()  # providers are told where the site is
        written.origin = origin


def origin_for(request: HttpRequest) -> str:
    """The origin for absolute links, without a trailing slash. Raises ConfigurationError while it is unknown."""
    origin = known()
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


def origin_for_asker(request: HttpRequest) -> str:
    """The origin for a link that only the sender of the request gets.

    While the site's address is unknown, the request's Host header counts if it names this machine or a host that
    ALLOWED_HOSTS lists without a pattern. Raises ConfigurationError otherwise.
    """
    host = urlsplit(_origin_of(request)).hostname or ""
    if not known() and (is_local(host) or host in settings.ALLOWED_HOSTS):
        return _origin_of(request)
    return origin_for(request)


def known() -> str:
    """The origin for links without a request: SITE_URL, else the address that an administrator used last.

    Empty while there is neither.
    """
    return settings.SITE_URL or used_by_administrator()


def used_by_administrator() -> str:
    """The address that an administrator used last, if ALLOWED_HOSTS still allows it; else empty."""
    row = SiteAddress.objects.filter(pk=1).first()
    host = urlsplit(row.origin).hostname if row else None
    return row.origin if row and host and validate_host(host, settings.ALLOWED_HOSTS) else ""


def is_uncertain() -> bool:
    """Whether only the address that an administrator used last says where the site is."""
    return not settings.SITE_URL and _visitors_choose()


def _visitors_choose() -> bool:
    """Whether ALLOWED_HOSTS allows Host headers for more than one site; all names of this machine count as one."""
    hosts = settings.ALLOWED_HOSTS
    single = len(hosts) == 1 and not hosts[0].startswith(("*", "."))
    return not single and not all(is_local(host) for host in hosts)


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
