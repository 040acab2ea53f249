"""Custom headers as text: one `Name: value` per line."""

import re
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, a token
# HTTP sets these for each message; a fixed value would break every call.
RESERVED = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive"}


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
    """Raise ValidationError unless every name and every value is allowed in a header."""
    for name, value in headers.items():
        if not NAME.fullmatch(name):
            raise ValidationError(_("“%(name)s” cannot be the name of a header.") % {"name": name}, "name")
        if name.lower() in RESERVED:
            raise ValidationError(_("The header “%(name)s” is set for each call.") % {"name": name}, "reserved")
        if any(ord(char) < 32 and char != "\t" for char in value):
            raise ValidationError(_("The value of “%(name)s” holds a line end.") % {"name": name}, "value")


def format_headers(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())
