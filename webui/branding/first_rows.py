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
    """See `SettingsRow.fill_from_environment`. Raises ImproperlyConfigured naming the variable."""
    SiteSettings.fill_from_environment(_values)


def variables_of(row: SiteSettings) -> dict[str, str]:
    """The columns of the row that the environment writes at every start, with the variable of each."""
    set_ones = {name: variable for name, variable in VARIABLES.items() if getattr(settings, variable)}
    return versioning.columns_from_environment(set_ones)


def _values() -> dict[str, Any]:
    """The columns that variables set."""
    values: dict[str, Any] = {
        "name": settings.SITE_NAME[: SiteSettings.LONGEST_NAME],
        "accent": colours.normal(settings.SITE_ACCENT),
    }
    if settings.SITE_LOGO:
        values["logo"] = _logo(Path(settings.SITE_LOGO))
    return {name: value for name, value in values.items() if getattr(settings, VARIABLES[name])}


def _logo(path: Path) -> bytes:
    try:
        return logos.checked(path.read_bytes())
    except OSError as error:
        raise ImproperlyConfigured(f"SITE_LOGO: {error}") from error
    except CallerError as error:
        raise ImproperlyConfigured(f"SITE_LOGO: {error.message}") from error
