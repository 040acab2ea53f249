"""JSON in what a model says: inside a fence, behind an explanation or its thinking, or plain."""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

LONGEST = 20_000  # characters from the end that are looked at: what is asked for is short
_THINKING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_DECODER = json.JSONDecoder(strict=False)  # models put line breaks into texts


def member(said: str, name: str) -> Any:
    """The member `name` of the last balanced JSON object that has it; None when there is none."""
    return next((found[name] for found in objects(said) if name in found), None)


def objects(said: str) -> Iterator[dict[str, Any]]:
    """Every balanced JSON object in a text, the last first; inner ones too."""
    return (found for found in values(said) if isinstance(found, dict))


def values(said: str) -> Iterator[Any]:
    """The same, and lists."""
    text = _THINKING.sub("", said)[-LONGEST:]
    for start in range(len(text) - 1, -1, -1):
        if text[start] not in "{[":
            continue
        try:
            value, _end = _DECODER.raw_decode(text, start)
            orjson.dumps(value)  # half a surrogate pair is no text, and no database takes it
        except (ValueError, RecursionError, TypeError):
            continue
        yield value
