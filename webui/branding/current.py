"""Name, accent and logo of the site as a frozen value, without a query while nothing is edited."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse

from providers import runtime
from providers.catalogue.versioned import Versioned
from webui.models import SiteSettings


@dataclass(frozen=True, slots=True)
class Look:
    """What is empty is as the site comes."""

    name: str
    accent: str = ""
    logo: bytes = b""

    @property
    def version(self) -> str:
        """Changes with the accent and the logo, so that browsers may keep both for ever."""
        return hashlib.sha256(self.accent.encode() + self.logo).hexdigest()[:12]

    @property
    def style_url(self) -> str:
        """The style sheet with the accent; empty where the site has the one it comes with."""
        return f"{reverse('site_accent')}?v={self.version}" if self.accent else ""

    @property
    def logo_url(self) -> str:
        """The logo, or ours in the accent; empty where the site has the one it comes with."""
        return f"{reverse('site_logo')}?v={self.version}" if self.accent or self.logo else ""


class LookMemory(Versioned[None, Look]):
    """The one row."""

    keeps = True


def site() -> Look:
    """The site as it is; as the environment has it while the database is away."""
    try:
        return runtime.state(LookMemory).value_blocking(None, _read)
    except DatabaseError:
        return Look(settings.SITE_NAME)


def _read() -> Look:
    row = SiteSettings.objects.filter(pk=1).first()
    if row is None:
        return Look(settings.SITE_NAME)
    return Look(row.name or settings.SITE_NAME, row.accent, bytes(row.logo))
