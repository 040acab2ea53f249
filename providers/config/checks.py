"""Checks of the values of a flat JSON form. A check takes the name and value of a member and returns the clean value.

All raise BadRequest with the name as its `param`. The value of a missing member is None.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from providers.errors import BadRequest
from providers.fields import is_mask
from providers.secrets.pasted import checked
from providers.sentences import sentence as _


def same(given: Any, stored: Any) -> bool:
    """Whether two JSON values are equal; `true` is not 1, at any depth."""
    if isinstance(given, bool) or isinstance(stored, bool):
        return given is stored
    if isinstance(given, dict) and isinstance(stored, dict):
        return given.keys() == stored.keys() and all(same(value, stored[name]) for name, value in given.items())
    if isinstance(given, list) and isinstance(stored, list):
        return len(given) == len(stored) and all(map(same, given, stored))
    return bool(given == stored)


def wrong(name: str, sentence: str) -> BadRequest:
    """The error for a value with a message from another check."""
    return BadRequest(f"{name}: {sentence}", param=name)


def text(name: str, value: Any, *, limit: int | None = None) -> str:
    """A text without spaces around it; "" for a missing one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(_("%s must be a text.") % name, param=name)
    stripped = value.strip()
    if limit is not None and len(stripped) > limit:
        message = _("%(name)s must have at most %(n)s characters.") % {"name": name, "n": limit}
        raise BadRequest(message, param=name)
    return stripped


def key(name: str, value: Any) -> str:
    """A key, cleaned as if pasted, or a mask."""
    given = text(name, value)
    if is_mask(given):
        return given
    try:
        return checked(given)
    except ValidationError as error:
        raise wrong(name, error.messages[0]) from error


def flag(name: str, value: Any, *, default: bool | None = None) -> bool:
    """True or false; the default for a missing one."""
    if value is None and default is not None:
        return default
    if not isinstance(value, bool):
        raise BadRequest(_("%s must be true or false.") % name, param=name)
    return value


def texts(name: str, value: Any) -> list[str]:
    """A list of texts that are not empty, each once; [] for a missing one."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise BadRequest(_("%s must be a list of texts.") % name, param=name)
    return list(dict.fromkeys(item.strip() for item in value))


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, Mapping):
        raise BadRequest(_("%s must be a JSON object.") % name, param=name)
    return value


def choice(name: str, value: Any, choices: Collection[str]) -> str:
    """One of `choices`."""
    if not isinstance(value, str) or value not in choices:
        message = _("%(name)s must be one of %(choices)s.") % {"name": name, "choices": ", ".join(choices)}
        raise BadRequest(message, param=name)
    return value
