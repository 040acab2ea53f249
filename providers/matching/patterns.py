"""Patterns of model ids, one a line, in which `*` stands for any text: `gpt-*`, `*/llama-*`.

Upper and lower case differ, as they do in model ids.
"""

import fnmatch
import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MAX_LINES = 100
LONGEST = 255  # characters of a line: the column of a public id


def lines_of(text: str) -> list[str]:
    """The lines that are not empty, without spaces around them, each once."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def checked(text: str) -> str:
    """The patterns as they are stored. Raises ValidationError for too many, too long ones, and spaces in them."""
    lines = lines_of(text)
    if len(lines) > MAX_LINES:
        raise ValidationError(_("Enter at most %(count)s lines."), "too_many", {"count": MAX_LINES})
    for line in lines:
        if len(line) > LONGEST or any(char.isspace() or not char.isprintable() for char in line):
            raise ValidationError(_("“%(value)s” is not a model id or pattern."), "pattern", {"value": line[:100]})
    return "\n".join(lines)


def compiled(text: str) -> re.Pattern[str] | None:
    """An expression whose `match` finds the ids that any of the lines allows; None where there are no lines."""
    lines = lines_of(text)
    return re.compile("|".join(map(_expression, lines))) if lines else None


def _expression(pattern: str) -> str:
    """The regular expression of one pattern. It does not backtrack into a `*`, so its time is linear."""
    stars = re.sub(r"\*+", "*", pattern)
    return fnmatch.translate(re.sub(r"[\[?]", r"[\g<0>]", stars))  # only `*` is special
