"""The first rows from the environment: connections, settings, the demo. `manage.py bootstrap` calls it at every start.

Afterwards the rows count, not the variables, unless ENABLE_PERSISTENT_CONFIG=false: then the variables that are set
count at every start. What an administrator deleted stays deleted. Safe to repeat, and safe when two processes start.
See docs/upstreams/compatibility.md, “First values from the environment”.
"""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from providers import auth, versioning
from providers.catalogue import discovery
from providers.config import form as config
from providers.errors import BadRequest
from providers.models import Connection, GatewaySettings

logger = logging.getLogger(__name__)

DEMO_URL = "http://demo.localhost/v1"  # a server in this process, see `providers.http.local`
DEMO_POSITION = 1_000_000  # after every connection that a person adds
LIST_SECONDS = 2.0  # how long a start waits for model lists; slower servers follow in the background

SETTINGS = {  # columns of the gateway's settings, and their variables
    "enable_openai_api": "ENABLE_OPENAI_API",
    "task_model": "TASK_MODEL",
    "task_model_external": "TASK_MODEL_EXTERNAL",
    "speech_model": "AUDIO_TTS_MODEL",
    "speech_voice": "AUDIO_TTS_VOICE",
    "transcription_model": "AUDIO_STT_MODEL",
}


def fill_from_environment() -> None:
    """Write the rows, then list new connections' models. Raises ImproperlyConfigured with the variable's name."""
    with versioning.exclusive():
        _fill_settings()
        _fill_connections()
        _fill_demo()
    discovery.refresh_due(timeout=LIST_SECONDS)


def _fill_settings() -> None:
    GatewaySettings.fill_from_environment(settings_of_environment)


def settings_of_environment() -> dict[str, Any]:
    """The columns of the gateway's settings that variables set, with their values."""
    values = {name: getattr(settings, name.upper()) for name in SETTINGS}
    return {name: value for name, value in values.items() if value not in (None, "")}


def _fill_connections() -> None:
    entries = environment_entries()
    if not entries:
        return
    # Every connection leaves history, so that a site whose connections were deleted is not taken for a new one.
    if not Connection.history.filter(demo=False).exists():
        for notice in config.write(entries).notices:
            logger.warning("%s", notice)
    elif not settings.ENABLE_PERSISTENT_CONFIG:
        config.write_given(entries)


def environment_entries() -> list[config.Entry]:
    """The connections in the environment; none where no variable is set."""
    urls = [url or config.DEFAULT_URL for url in settings.OPENAI_API_BASE_URLS]
    keys = list(settings.OPENAI_API_KEYS) or ([settings.OPENAI_API_KEY] if settings.OPENAI_API_KEY else [])
    configs = settings.OPENAI_API_CONFIGS
    if not urls and (settings.OPENAI_API_BASE_URL or keys or configs):
        urls = [settings.OPENAI_API_BASE_URL or config.DEFAULT_URL]
    form: dict[str, Any] = {
        "OPENAI_API_BASE_URLS": urls,
        "OPENAI_API_KEYS": keys,
        # Settings by address are an older form.
        "OPENAI_API_CONFIGS": {str(i): configs.get(str(i)) or configs.get(url) or {} for i, url in enumerate(urls)},
    }
    try:
        return config.entries_of(form)
    except BadRequest as error:
        raise ImproperlyConfigured(error.message) from error


def variables_of(row: Connection | GatewaySettings) -> dict[str, str]:
    """The columns of a row that the environment writes at every start, with the variable of each."""
    if settings.ENABLE_PERSISTENT_CONFIG or row.pk is None:
        return {}
    if isinstance(row, GatewaySettings):
        return {name: SETTINGS[name] for name in settings_of_environment()}
    entries = [] if row.demo else environment_entries()
    entry = next((entry for entry, match in config.at_addresses(entries, [row]) if match is not None), None)
    if entry is None:
        return {}
    several = bool(settings.OPENAI_API_BASE_URLS)
    address = "OPENAI_API_BASE_URLS" if several else "OPENAI_API_BASE_URL"
    key = "OPENAI_API_KEYS" if settings.OPENAI_API_KEYS else "OPENAI_API_KEY"
    return {
        "base_url": address,
        **({"secret": key} if entry.key else {}),
        **dict.fromkeys(sorted(entry.given), "OPENAI_API_CONFIGS"),
    }


def _fill_demo() -> None:
    if not settings.WEBUI_DEMO:
        Connection.objects.filter(demo=True).delete()
        Connection.history.filter(demo=True).delete()  # so that WEBUI_DEMO=true brings it back
        return
    if Connection.history.exists():
        return  # the demo exists or was removed, or this site has real connections
    Connection.objects.create(
        name="Demo",
        base_url=DEMO_URL,
        auth_type=auth.KEYLESS,
        connection_type=Connection.Location.LOCAL,
        position=DEMO_POSITION,
        demo=True,
    )
