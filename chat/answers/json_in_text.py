"""JSON in the text of a model: plain, inside a code fence, or behind an explanation or reasoning."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from providers import json_bodies

LONGEST = 20_000  # characters from the end that are searched: the JSON that we ask for is short
MOST_STARTS = 200  # opening brackets that are tried, from the end
_THINKING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_DECODER = json.JSONDecoder(strict=False)  # models put line breaks into texts


def member(text: str, name: str) -> Any:
    """The member `name` of the last balanced JSON object that has it; None when there is none."""
    return next((value[name] for value in objects(text) if name in value), None)


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Every balanced JSON object in a text, the last first; inner ones too."""
    return (value for value in values(text) if isinstance(value, dict))


def values(text: str) -> Iterator[Any]:
    """Every balanced JSON object and list in a text, the last first; their texts can be stored."""
    text = _THINKING.sub("", text)[-LONGEST:]
    starts = (start for start in range(len(text) - 1, -1, -1) if text[start] in "{[")
    for start in islice(starts, MOST_STARTS):
        try:
            value, _end = _DECODER.raw_decode(text, start)
            value = json_bodies.storable(value)
            orjson.dumps(value)  # raises for a number that no database stores
        except (ValueError, RecursionError, TypeError):
            continue
        yield value
