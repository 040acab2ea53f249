"""The first rows, from the environment: connections, switches, the demo. `manage.py bootstrap` calls it at every start.

Rows win afterwards, whatever the variables say, unless ENABLE_PERSISTENT_CONFIG=false: then the variables that are set
win at every start. What an administrator deleted stays deleted. Safe to repeat, safe when two start at once.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from providers import auth, versioning
from providers.catalogue import discovery
from providers.config import form as config
from providers.errors import BadRequest
from providers.models import Connection, GatewaySettings

DEMO_URL = "http://demo.localhost/v1"  # a server in this very process; see `providers.http.local`
DEMO_POSITION = 1_000_000  # after whatever a person adds
LIST_SECONDS = 2.0  # how long a start waits for model lists; slower servers are listed behind

SWITCHES = ("enable_openai_api", "task_model", "task_model_external", "speech_model", "speech_voice")


def seed_from_environment() -> None:
    """Fill the rows, then ask new connections for their models. Raises ImproperlyConfigured, naming the variable."""
    with versioning.exclusive():
        _seed_switches()
        _seed_connections()
        _seed_demo()
    discovery.refresh_due(timeout=LIST_SECONDS)


def _seed_switches() -> None:
    values = {name: getattr(settings, name.upper()) for name in SWITCHES}
    row, made = GatewaySettings.objects.get_or_create(pk=1, defaults=values)
    if not made and not settings.ENABLE_PERSISTENT_CONFIG and any(getattr(row, n) != v for n, v in values.items()):
        for name, value in values.items():
            setattr(row, name, value)
        row.save()


def _seed_connections() -> None:
    entries = environment_entries()
    if not entries:
        return
    # A row of history is left by every connection that ever was, so "first start" is not mistaken for "all deleted".
    if settings.ENABLE_PERSISTENT_CONFIG and Connection.history.filter(demo=False).exists():
        return
    config.write(entries)


def environment_entries() -> list[config.Entry]:
    """The connections that the environment names; none when none of its variables is set."""
    urls = [url or config.DEFAULT_URL for url in settings.OPENAI_API_BASE_URLS]
    keys = list(settings.OPENAI_API_KEYS) or ([settings.OPENAI_API_KEY] if settings.OPENAI_API_KEY else [])
    configs = settings.OPENAI_API_CONFIGS
    if not urls and (settings.OPENAI_API_BASE_URL or keys or configs):
        urls = [settings.OPENAI_API_BASE_URL or config.DEFAULT_URL]
    form: dict[str, Any] = {
        "OPENAI_API_BASE_URLS": urls,
        "OPENAI_API_KEYS": keys,
        # Settings by address are an older form of the same.
        "OPENAI_API_CONFIGS": {str(i): configs.get(str(i)) or configs.get(url) or {} for i, url in enumerate(urls)},
    }
    try:
        return config.entries_of(form)
    except BadRequest as error:
        raise ImproperlyConfigured(error.message) from error


def _seed_demo() -> None:
    if not settings.WEBUI_DEMO:
        Connection.objects.filter(demo=True).delete()
        Connection.history.filter(demo=True).delete()  # so that WEBUI_DEMO=true brings it back
        return
    if Connection.history.exists():
        return  # it is there, or somebody removed it, or this site has real connections
    Connection.objects.create(
        name="Demo",
        base_url=DEMO_URL,
        auth_type=auth.KEYLESS,
        connection_type=Connection.Location.LOCAL,
        position=DEMO_POSITION,
        demo=True,
    )
