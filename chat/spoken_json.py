"""JSON in what a model says: inside a fence, behind an explanation, or plain."""

from collections.abc import Iterator
from typing import Any

import orjson


def member(said: str, name: str) -> Any:
    """The member `name` of the last balanced JSON object that has it; None when there is none."""
    return next((found[name] for found in objects(said) if name in found), None)


def objects(said: str) -> Iterator[dict[str, Any]]:
    """Every balanced JSON object in a text, the last first; inner ones too."""
    for start in reversed([index for index, letter in enumerate(said) if letter == "{"]):
        if (found := _object_at(said, start)) is not None:
            yield found


def _object_at(text: str, start: int) -> dict[str, Any] | None:
    depth, quoted, escaped = 0, False, False
    for index in range(start, len(text)):
        letter = text[index]
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "{}":
            depth += 1 if letter == "{" else -1
            if depth == 0:
                try:
                    found = orjson.loads(text[start : index + 1])
                except orjson.JSONDecodeError:
                    return None
                return found if isinstance(found, dict) else None
    return None
