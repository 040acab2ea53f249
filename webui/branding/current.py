"""Name, accent and logo of the site as a frozen value, without a query while nothing is edited."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.urls import reverse

from providers import runtime
from providers.catalogue.versioned import Versioned
from providers.errors import Unavailable
from webui.models import SiteSettings

DEFAULT_NAME = "WebUI"


@dataclass(frozen=True, slots=True)
class Look:
    """An accent or a logo that is empty is the one the site comes with."""

    name: str
    accent: str = ""
    logo: bytes = b""
    version: str = ""  # changes with the accent and the logo, so that browsers may keep both for ever

    @property
    def style_url(self) -> str:
        """The URL of the style sheet with the accent; empty for the default accent."""
        return f"{reverse('site_accent')}?v={self.version}" if self.accent else ""

    @property
    def logo_url(self) -> str:
        """The URL of the uploaded logo, or of the default logo in the accent; empty if both are the default."""
        return f"{reverse('site_logo')}?v={self.version}" if self.accent or self.logo else ""


class LookMemory(Versioned[None, Look]):
    """The cache of the one row."""

    keeps = True


def site() -> Look:
    """The name, accent and logo of the row. While the database is away, only the environment's name."""
    try:
        return runtime.state(LookMemory).value_blocking(None, _read)
    except (DatabaseError, InterfaceError, Unavailable):
        return Look(default_name())


def stored_name() -> str:
    """The site's name, read from the row; one query. For the snapshot, which `site` itself waits for."""
    return SiteSettings.objects.filter(pk=1).values_list("name", flat=True).first() or default_name()


def _read() -> Look:
    row = SiteSettings.objects.filter(pk=1).first()
    if row is None:
        return Look(default_name())
    logo = bytes(row.logo)
    version = hashlib.sha256(row.accent.encode() + logo).hexdigest()[:12]
    return Look(row.name or default_name(), row.accent, logo, version)


def default_name() -> str:
    """The name of a site whose row has none."""
    return settings.SITE_NAME or DEFAULT_NAME
