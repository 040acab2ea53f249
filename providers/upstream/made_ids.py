"""The id of a response of the Responses API, read off its first bytes: nothing is parsed.

Source: docs/upstreams/openai.md, “Responses API”
"""

import re

LOOKED_AT = 4096  # bytes
# Printable, and no part of a path: the id goes into an address.
_ID = rb'"((?:[\w~:=+-]|\.(?!\.)){1,400})"'
_PLAIN = rb'"[^"\\]*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[-+.\deE]+|true|false|null|\[\s*\]|\{\s*\})\s*,\s*'
# A body, or the first event of a stream, whose member `response` is the same object without its output.
_OBJECT = re.compile(rb'(?:^\s*|"response"\s*:\s*)\{\s*(?:' + _PLAIN + rb')*?"id"\s*:\s*' + _ID)
# Where members with objects in them come first: ids of everything else begin differently.
_NAMED = re.compile(rb'"id"\s*:\s*"(resp_[\w-]{1,395})"')
_WANTED = re.compile(r"(?:[\w~:=+-]|\.(?!\.)){1,400}", re.ASCII)


def made_id(beginning: bytes) -> str:
    """The id in the beginning of a response or stream; "" where none is there."""
    beginning = beginning[:LOOKED_AT]
    match = _OBJECT.search(beginning) or _NAMED.search(beginning)
    return match[1].decode() if match else ""


def may_be_id(text: str) -> bool:
    """Whether `made_id` could have given this text."""
    return _WANTED.fullmatch(text) is not None
