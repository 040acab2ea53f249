"""Variables in system prompts, `{{USER_NAME}}`: filled in when a call is made, for programs as for chats.

The names are those of Open WebUI (docs/upstreams/compatibility.md, “Variables in prompts”). This is no language: a name
becomes its value, once, and what is no name of ours stays as it was written. Values are of one line and bounded, so
that nobody's own name can pass for further instructions.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone, translation
from django.utils.translation import get_language_info

LONGEST = 200  # characters of a value
_VARIABLE = re.compile(r"\{\{\s*([A-Z_]{1,40})\s*\}\}")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Named(Protocol):
    """Who calls, as far as variables tell of them."""

    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def group_names(self) -> tuple[str, ...]: ...


class Moment(NamedTuple):
    """A call: who makes it, and when by their clock."""

    caller: Named
    now: datetime
    zone: str


# Without seconds: providers keep in their caches what did not change since the last call.
VARIABLES: Mapping[str, Callable[[Moment], str]] = {
    "USER_NAME": lambda call: call.caller.name,
    "USER_EMAIL": lambda call: call.caller.email,
    "USER_ROLE": lambda call: call.caller.role,
    "USER_GROUPS": lambda call: ", ".join(call.caller.group_names),
    "USER_LANGUAGE": lambda call: _language(),
    "CURRENT_DATE": lambda call: f"{call.now:%Y-%m-%d}",
    "CURRENT_TIME": lambda call: f"{call.now:%H:%M}",
    "CURRENT_DATETIME": lambda call: f"{call.now:%Y-%m-%d %H:%M}",
    "CURRENT_WEEKDAY": lambda call: WEEKDAYS[call.now.weekday()],
    "CURRENT_TIMEZONE": lambda call: call.zone,
}


def filled_in(prompt: str, caller: Named, cookies: Mapping[str, str]) -> str:
    """The prompt with the values of its variables. The time is that of the browser, by its cookie; else the site's."""
    if "{{" not in prompt:
        return prompt
    zone = zone_in(cookies) or timezone.get_default_timezone()
    call = Moment(caller, timezone.localtime(timezone=zone), str(zone))
    return _VARIABLE.sub(lambda match: _value(match, call), prompt)


def zone_in(cookies: Mapping[str, str]) -> ZoneInfo | None:
    """The time zone that the browser named in a cookie; None for the site's own."""
    try:
        return ZoneInfo(cookies["timezone"].replace("%2F", "/"))
    except (KeyError, ValueError, OSError, ZoneInfoNotFoundError):
        return None


def _value(match: re.Match[str], call: Moment) -> str:
    make = VARIABLES.get(match[1])
    return match[0] if make is None else " ".join(make(call).split())[:LONGEST]


def _language() -> str:
    """The language of the page, in English; a program's is the site's own."""
    try:
        return str(get_language_info(translation.get_language() or "en")["name"])
    except KeyError:
        return "English"
