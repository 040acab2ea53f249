"""The first row of the chat settings, filled from environment variables.

At later starts the row is left as it is, unless `ENABLE_PERSISTENT_CONFIG` is off. Names and meaning of the variables
are Open WebUI's.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError

from chat.models import ChatSettings
from chat.websearch.endpoint import safe_url
from providers import versioning
from providers.sentences import sentence as _

COLUMNS = {
    "ENABLE_TITLE_GENERATION": "titles",
    "ENABLE_FOLLOW_UP_GENERATION": "follow_ups",
    "ENABLE_MEMORIES": "memory",
    "ENABLE_WEB_SEARCH": "web_search",
    "SEARXNG_QUERY_URL": "web_search_url",
    "WEB_SEARCH_RESULT_COUNT": "web_search_results",
}


def fill_from_environment() -> None:
    """See `SettingsRow.fill_from_environment`. Raises ImproperlyConfigured naming the variable."""
    ChatSettings.fill_from_environment(_values)


def variables_of(row: ChatSettings) -> dict[str, str]:
    """The columns of the row that the environment writes at every start, with the variable of each."""
    return versioning.columns_from_environment({COLUMNS[name]: name for name in settings.CHAT_CONFIG})


def _values() -> dict[str, Any]:
    """The columns that variables set."""
    row = ChatSettings()
    for name, value in settings.CHAT_CONFIG.items():
        _check(row, name, value)
    return {COLUMNS[name]: value for name, value in settings.CHAT_CONFIG.items()}


def _check(row: ChatSettings, name: str, value: object) -> None:
    if name == "SEARXNG_QUERY_URL" and value and not safe_url(str(value)):
        raise ImproperlyConfigured(_("%s must be an address that begins with http:// or https://.") % name)
    field: Any = row._meta.get_field(COLUMNS[name])
    try:
        field.clean(value, row)
    except ValidationError as error:
        raise ImproperlyConfigured(f"{name}: {' '.join(error.messages)}") from error
