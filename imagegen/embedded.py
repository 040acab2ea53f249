"""JSON with embedded pictures: base64 texts become bytes, decoded directly from the body.

An ordinary parser holds the body, its copy, the text and the bytes at once: five times the picture. Here the long texts
are cut out before the rest is parsed, so that only the body and the bytes are held.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pybase64

from chat.files.pictures import sniff
from providers import json_bodies

LONG = 2048  # characters; shorter texts are parsed as usual and decoded by `picture_in`
_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A base64 text, decoded. `declared` is the type that its `data:` prefix named; empty without one."""

    content: bytes = field(repr=False)
    declared: str = ""


def loads(body: bytes | bytearray | memoryview) -> Any:
    """Parse JSON as leniently as `parse_response` does. Texts of `LONG` characters and more that are pictures in base64
    or as data URLs become `Embedded`.

    Raises ValueError for what is not JSON.
    """
    if len(body) < LONG:
        return json_bodies.parse_response(body)
    mark = secrets.token_hex(16)  # replaces a picture; random, so that no response can contain it
    pictures: list[Embedded] = []
    rest: list[bytes | memoryview] = []
    view, done = memoryview(body), 0
    for start, end in _long_texts(body if isinstance(body, bytes | bytearray) else bytes(body)):
        embedded = _decoded(view[start:end])
        if embedded is not None and sniff(embedded.content):
            rest += [view[done:start], f"{mark}:{len(pictures)}".encode()]
            pictures.append(embedded)
            done = end
    if not pictures:
        return json_bodies.parse_response(body)
    rest.append(view[done:])
    return _restored(json_bodies.parse_response(b"".join(rest)), pictures, mark)


def picture_in(value: Any) -> bytes | None:
    """The picture in a value of a response: `Embedded`, a data URL or bare base64; None for anything else."""
    if isinstance(value, Embedded):
        return value.content
    if isinstance(value, str) and value and not value.startswith(("http://", "https://")):
        embedded = _decoded(memoryview(value.encode(errors="replace")))  # halves of surrogate pairs are no base64
        return embedded.content if embedded else None
    return None


def encode(content: bytes) -> str:
    """Base64 without line breaks."""
    return pybase64.b64encode_as_string(content)


def _long_texts(body: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """The start and end of the content of each long JSON text."""
    start = body.find(b'"')
    while start != -1:
        end = body.find(b'"', start + 1)
        while end != -1 and _is_escaped(body, end):
            end = body.find(b'"', end + 1)
        if end == -1:
            return
        if end - start > LONG:
            yield start + 1, end
        start = body.find(b'"', end + 1)


def _is_escaped(body: bytes | bytearray, at: int) -> bool:
    slashes = 0
    while body[at - 1 - slashes] == 0x5C:
        slashes += 1
    return slashes % 2 == 1


def _decoded(text: memoryview) -> Embedded | None:
    declared = ""
    if bytes(text[:5]).lower() == b"data:":
        head, comma, _ = bytes(text[:256]).partition(b",")
        if not comma or not head.lower().endswith(b";base64"):
            return None
        declared = head[5:].split(b";", 1)[0].replace(b"\\/", b"/").decode("latin-1").strip().lower()
        text = text[len(head) + 1 :]
    try:
        return Embedded(pybase64.b64decode(text, validate=True), declared)
    except ValueError:
        pass  # some servers escape slashes, break lines, leave the padding out or use the alphabet for URLs
    plain = bytes(text)
    for escaped, meant in ((b"\\/", b"/"), (b"\\n", b""), (b"\\r", b"")):
        plain = plain.replace(escaped, meant) if b"\\" in plain else plain
    plain = plain.translate(_URL_ALPHABET, b"\r\n =")
    try:
        return Embedded(pybase64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True), declared)
    except ValueError:
        return None


def _restored(value: Any, pictures: list[Embedded], mark: str) -> Any:
    if isinstance(value, dict):
        return {key: _restored(member, pictures, mark) for key, member in value.items()}
    if isinstance(value, list):
        return [_restored(member, pictures, mark) for member in value]
    if isinstance(value, str) and value.startswith(mark):
        return pictures[int(value.rpartition(":")[2])]
    return value
