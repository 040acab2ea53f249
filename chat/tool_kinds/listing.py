"""What a server says of its tools is not trusted: names, descriptions and schemas are checked and bounded here."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from chat.tool_kinds.base import ListedTool
from providers import json_bodies

MAX_TOOLS = 128  # of one server
MAX_NAME = 128  # characters, as servers call their tools
MAX_TITLE, MAX_DESCRIPTION = 80, 2000  # characters
MAX_REQUEST = 20_000  # bytes of a tool's `request` as JSON
MAX_SCHEMA, MAX_SCHEMAS = 20_000, 400_000  # bytes of one schema as JSON, and of all of a server
ANYTHING: Mapping[str, Any] = {"type": "object", "properties": {}}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def checked(tools: Iterable[ListedTool]) -> list[ListedTool]:
    """The usable ones, each name once, with bounded texts and schemas."""
    usable: dict[str, ListedTool] = {}
    size = 0
    for tool in tools:
        name = line(tool.name, MAX_NAME + 1)
        if not name or len(name) > MAX_NAME or name in usable or not _is_usable(tool.request):
            continue
        parameters = schema(tool.parameters)
        size += len(orjson.dumps(parameters))
        if len(usable) >= MAX_TOOLS or size > MAX_SCHEMAS:
            break
        description = _CONTROL.sub("", clean(tool.description)).strip()[:MAX_DESCRIPTION]
        usable[name] = ListedTool(name, line(tool.title, MAX_TITLE) or name, description, parameters, tool.request)
    return list(usable.values())


def schema(value: Any) -> dict[str, Any]:
    """The schema of an object with `properties` and `required` as they should be; of anything else an open one."""
    try:
        plain = json_bodies.storable(json_bodies.parse_response(orjson.dumps(value)))
        usable = isinstance(plain, dict) and len(orjson.dumps(plain)) <= MAX_SCHEMA
    except (TypeError, ValueError, RecursionError):
        usable = False
    if not usable:
        return dict(ANYTHING)
    properties, required = plain.get("properties"), plain.get("required")
    properties = properties if isinstance(properties, dict) else {}
    named = [name for name in required if name in properties] if isinstance(required, list) and _texts(required) else []
    return {**plain, "type": "object", "properties": properties, "required": named}


def line(text: Any, longest: int) -> str:
    """One line of text."""
    return " ".join(_CONTROL.sub("", clean(text)).split())[:longest]


def clean(text: Any) -> str:
    """A text of characters that can be stored; empty for what is no text."""
    return str(json_bodies.storable(text)) if isinstance(text, str) else ""


def _is_usable(request: Mapping[str, Any]) -> bool:
    """Whether it can be stored as it is: changed, it would be another request."""
    try:
        size = len(orjson.dumps(request))
    except TypeError:  # half of a surrogate pair, or a number that is too large
        return False
    return size <= MAX_REQUEST and json_bodies.storable(request) == request


def _texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
