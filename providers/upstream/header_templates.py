"""Custom headers as text: one `Name: value` per line. Values are secrets and shown as masks.

A value of nothing but placeholders such as `{{USER_ID}}` holds no secret and is shown.
"""

import re
from collections.abc import Mapping

from django.core.exceptions import ValidationError

from providers.fields import UNREADABLE, hint_of, is_mask, is_shortened
from providers.sentences import sentence as _

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, a token
# HTTP sets these for each message; a fixed value would break every call.
RESERVED = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive"}
# Headers of which the value is a key, perhaps behind the name of a scheme.
_OF_KEYS = re.compile(r"(?:^|[-_])(?:api-?key|authorization|key|secret|token)$", re.IGNORECASE)
_SCHEME = re.compile(r"^\w+\s+")
VARIABLE = re.compile(r"\{\{\s*([A-Z_]+)\s*\}\}")
VARIABLES = frozenset(
    {"USER_ID", "USER_NAME", "USER_EMAIL", "USER_ROLE", "USER_GROUPS", "CHAT_ID", "MESSAGE_ID", "MODEL_ID"}
)


def parse_headers(text: str) -> dict[str, str]:
    """The headers in a text. Raises ValidationError with the number of the line."""
    headers: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise ValidationError(_("Line %(n)s has no colon: write “Name: value”.") % {"n": number}, "colon")
        headers[name.strip()] = value.strip()
    check_headers(headers)
    return headers


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise ValidationError unless every name and every value is allowed in a header; keys must be whole ones."""
    for name, value in headers.items():
        if not NAME.fullmatch(name):
            raise ValidationError(_("“%(name)s” cannot be the name of a header.") % {"name": name}, "name")
        if name.lower() in RESERVED:
            raise ValidationError(_("The site sets the header “%(name)s” itself.") % {"name": name}, "reserved")
        if any(ord(char) < 32 and char != "\t" for char in value):
            raise ValidationError(_("The value of “%(name)s” contains a line break.") % {"name": name}, "value")
        if _OF_KEYS.search(name) and not is_mask(value) and is_shortened(_SCHEME.sub("", value)):
            text = _("The key in “%(name)s” looks shortened, as pages show keys. Copy the whole key.")
            raise ValidationError(text % {"name": name}, "shortened")


def format_headers(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def is_template(value: str) -> bool:
    """Whether a value consists of nothing but placeholders that are filled in for each call."""
    return bool(value.strip()) and not VARIABLE.sub(lambda match: "" if match[1] in VARIABLES else "?", value).strip()


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they are shown to anybody."""
    readable = {name: value for name, value in headers.items() if name != UNREADABLE}
    return {name: value if is_template(value) else hint_of(value) for name, value in readable.items()}


def unmasked(given: Mapping[str, str], stored: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """The headers that a form means, and the names of those whose value was entered and not kept by a mask.

    Raises ValidationError for a mask that is not of the stored value.
    """
    if not given and UNREADABLE in stored:
        return dict(stored), set()  # nothing was shown, so nothing was taken away
    by_name = {name.lower(): value for name, value in stored.items()}
    headers, entered = {}, set()
    for name, value in given.items():
        if not is_mask(value):
            entered.add(name)
        elif value != hint_of(by_name.get(name.lower(), "")):
            text = _("The value of “%(name)s” is a mask, but not of the stored one: enter the value itself.")
            raise ValidationError(text % {"name": name}, "mask")
        headers[name] = by_name[name.lower()] if is_mask(value) else value
    return headers, entered


def with_custom(headers: Mapping[str, str], custom: Mapping[str, str]) -> dict[str, str]:
    """The headers, replaced by custom ones of the same name, whatever the case of it."""
    names = {name.lower() for name in custom}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **custom}
