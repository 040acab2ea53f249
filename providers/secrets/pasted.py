"""Cleans keys that people paste. They may have line ends, invisible characters or quotes, or be cut short."""

import re

from django.core.exceptions import ValidationError

from providers.fields import is_shortened
from providers.sentences import sentence as _

# Control and format characters: line ends, zero-width spaces and joiners, marks of direction, soft hyphens, BOM.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_QUOTES = ('""', "''", "``", "“”", "‘’", "«»")


def without_invisible(text: str) -> str:
    """The text without invisible characters, and without spaces around it."""
    return _INVISIBLE.sub("", text).strip()


def cleaned(key: str) -> str:
    """The key without invisible characters, without spaces and quotes around it, and without the word “Bearer”."""
    key = without_invisible(key)
    if len(key) > 1 and any(key[0] + key[-1] == pair for pair in _QUOTES):
        key = key[1:-1].strip()
    return re.sub(r"^bearer\s+", "", key, flags=re.IGNORECASE)


def checked(key: str) -> str:
    """The cleaned key. Raises ValidationError for one that is shortened or has characters that no key has."""
    key = cleaned(key)
    if is_shortened(key):
        raise ValidationError(_("This key looks shortened, as pages show keys. Copy the whole key."), "shortened")
    odd = next((char for char in key if not char.isascii()), "")
    if odd and ":" not in key:  # `user:password` may have any character
        raise ValidationError(_("“%(char)s” cannot be part of a key. Copy the key again.") % {"char": odd}, "character")
    return key
