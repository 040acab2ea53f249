"""The fields of a saved prompt: `{{name}}`, `{{name:text=default}}`, `{{name:long}}`, `{{name:choice=one|two|three}}`.

A name may have spaces. Without a kind a field is a line of text; the first choice is the usual one. The same name twice
is one field. Names in capitals that system prompts know (`{{CURRENT_DATE}}`) are filled in without asking.
"""

import re
from dataclasses import dataclass
from typing import Any

from providers.matching.variables import VARIABLES

MOST = 20  # fields of one prompt
LONGEST_CHOICE, MOST_CHOICES = 200, 30
TEXT, LONG, CHOICE = "text", "long", "choice"
KINDS = (TEXT, LONG, CHOICE)  # a line of text, several lines, a choice
_FIELD = re.compile(r"\{\{([^{}|=:\n]{1,60})(?::(text|long|choice))?(?:=([^{}]{0,6000}))?\}\}")


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str = TEXT
    default: str = ""
    choices: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "default": self.default, "choices": list(self.choices)}


def fields_of(text: str) -> list[Field]:
    """What is to be filled in, in the order of the text; of fields with one name the first one counts."""
    fields: dict[str, Field] = {}
    for match in _FIELD.finditer(text):
        name = match[1].strip()
        if name and name not in VARIABLES and name not in fields:
            fields[name] = _field(name, match[2] or TEXT, (match[3] or "").strip())
    return list(fields.values())


def _field(name: str, kind: str, rest: str) -> Field:
    if kind != CHOICE:
        return Field(name, kind, rest)
    choices = tuple(dict.fromkeys(filter(None, (part.strip()[:LONGEST_CHOICE] for part in rest.split("|")))))
    return Field(name, CHOICE, choices[0], choices[:MOST_CHOICES]) if choices else Field(name)
