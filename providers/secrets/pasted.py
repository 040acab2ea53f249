"""Keys as people paste them: with line ends of a terminal, characters that nobody sees, quotes, or cut short."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Control and format characters: line ends, zero-width spaces and joiners, marks of direction, soft hyphens, BOM.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_QUOTES = ('""', "''", "``", "“”", "‘’", "«»")
# What pages show of a key: its beginning and its end with dots or stars between.
_SHORTENED = re.compile(r"…|•|⋯|\*{3,}\s*$|^[\w.-]{0,24}(?:\.{3,}|\*{3,})[\w-]{0,12}$")


def without_invisible(text: str) -> str:
    """The text without invisible characters, and without spaces around it."""
    return _INVISIBLE.sub("", text).strip()


def cleaned(key: str) -> str:
    """The key that is meant: without invisible characters, spaces around it, quotes, and the word “Bearer”."""
    key = without_invisible(key)
    if len(key) > 1 and any(key[0] + key[-1] == pair for pair in _QUOTES):
        key = key[1:-1].strip()
    return re.sub(r"^bearer\s+", "", key, flags=re.IGNORECASE)


def checked(key: str) -> str:
    """The key that is meant. Raises ValidationError for one that cannot be whole."""
    key = cleaned(key)
    if _SHORTENED.search(key):
        raise ValidationError(_("This key looks shortened, as pages show keys. Copy the whole key."), "shortened")
    odd = next((char for char in key if not char.isascii()), "")
    if odd and ":" not in key:  # a user name and password may have any
        raise ValidationError(_("“%(char)s” cannot be part of a key. Copy the key again.") % {"char": odd}, "character")
    return key
