"""The row of the site's name and look, filled from the environment at the first start.

Afterwards the row counts, unless `ENABLE_PERSISTENT_CONFIG` is off.
"""

from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from providers import versioning
from providers.errors import CallerError
from webui.branding import logos
from webui.models import SiteSettings


def fill_from_environment() -> None:
    """Fill the row at the first start, or at every start without `ENABLE_PERSISTENT_CONFIG`. Safe to repeat.

    Raises ImproperlyConfigured naming the variable.
    """
    logo = _logo() if _is_due() else b""  # before the transaction: it waits for a worker
    with versioning.exclusive():
        row = SiteSettings.objects.filter(pk=1).first()
        if row is not None and settings.ENABLE_PERSISTENT_CONFIG:
            return
        row = row or SiteSettings(pk=1)
        before = None if row._state.adding else (row.name, row.accent, bytes(row.logo))
        row.name, row.accent, row.logo = settings.SITE_NAME[:60], settings.SITE_ACCENT, logo
        if before != (row.name, row.accent, bytes(row.logo)):
            row.save()


def _is_due() -> bool:
    return not settings.ENABLE_PERSISTENT_CONFIG or not SiteSettings.objects.filter(pk=1).exists()


def _logo() -> bytes:
    if not settings.SITE_LOGO:
        return b""
    try:
        return logos.checked(Path(settings.SITE_LOGO).read_bytes())
    except OSError as error:
        raise ImproperlyConfigured(f"SITE_LOGO: {error}") from error
    except CallerError as error:
        raise ImproperlyConfigured(f"SITE_LOGO: {error.message}") from error
