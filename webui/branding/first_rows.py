"""The row of the site's name and look, filled from the environment at the first start.

Afterwards the row counts, unless `ENABLE_PERSISTENT_CONFIG` is off: then the variables that are set count at every
start.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from providers import versioning
from providers.errors import CallerError
from webui.branding import colours, logos
from webui.models import SiteSettings

VARIABLES = {"name": "SITE_NAME", "accent": "SITE_ACCENT", "logo": "SITE_LOGO"}  # of each column


def fill_from_environment() -> None:
    """Fill the row at the first start, or at every start without `ENABLE_PERSISTENT_CONFIG`. Safe to repeat.

    Raises ImproperlyConfigured naming the variable.
    """
    values = _values() if _is_due() else {}  # before the transaction: a logo waits for a worker
    with versioning.exclusive():
        row = SiteSettings.objects.filter(pk=1).first()
        if row is not None and settings.ENABLE_PERSISTENT_CONFIG:
            return
        row = row or SiteSettings(pk=1)
        changed = row._state.adding
        for name, value in values.items():
            changed = changed or _plain(getattr(row, name)) != value
            setattr(row, name, value)
        if changed:
            row.save()


def variables_of(row: SiteSettings) -> dict[str, str]:
    """The columns of the row that the environment writes at every start, with the variable of each."""
    if settings.ENABLE_PERSISTENT_CONFIG:
        return {}
    return {name: variable for name, variable in VARIABLES.items() if getattr(settings, variable)}


def _is_due() -> bool:
    return not settings.ENABLE_PERSISTENT_CONFIG or not SiteSettings.objects.filter(pk=1).exists()


def _values() -> dict[str, Any]:
    """The columns that variables set."""
    values: dict[str, Any] = {
        "name": settings.SITE_NAME[: SiteSettings.LONGEST_NAME],
        "accent": colours.normal(settings.SITE_ACCENT),
    }
    if settings.SITE_LOGO:
        values["logo"] = _logo(Path(settings.SITE_LOGO))
    return {name: value for name, value in values.items() if getattr(settings, VARIABLES[name])}


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value  # as PostgreSQL gives a logo


def _logo(path: Path) -> bytes:
    try:
        return logos.checked(path.read_bytes())
    except OSError as error:
        raise ImproperlyConfigured(f"SITE_LOGO: {error}") from error
    except CallerError as error:
        raise ImproperlyConfigured(f"SITE_LOGO: {error.message}") from error
