"""Frames: JSON and byte strings through a pipe, each with its length in front."""

import json
import struct
from typing import Any, BinaryIO

_HEAD = struct.Struct(">I")
MAX_HEAD = 2**20  # bytes of the JSON
MAX_BYTES = 2**27  # of all byte strings of one frame


class Broken(Exception):
    """The other end has gone, or sends what is no frame."""


def write(pipe: BinaryIO, values: dict[str, Any], *contents: bytes) -> None:
    """Raises Broken."""
    head = json.dumps({**values, "sizes": [len(content) for content in contents]}).encode()
    try:
        pipe.write(_HEAD.pack(len(head)) + head)
        for content in contents:
            pipe.write(content)
        pipe.flush()
    except (OSError, ValueError) as error:  # ValueError: the pipe was closed
        raise Broken from error


def read(pipe: BinaryIO) -> tuple[dict[str, Any], list[bytes]]:
    """The next frame: its values and its byte strings. Raises Broken, at the end too."""
    try:
        (length,) = _HEAD.unpack(_exactly(pipe, _HEAD.size))
        values = json.loads(_exactly(pipe, length if length <= MAX_HEAD else 0))
        sizes = values.pop("sizes")
        if sum(sizes) > MAX_BYTES:
            raise Broken
        return values, [_exactly(pipe, size) for size in sizes]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Broken from error


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    content = pipe.read(size)
    if len(content) != size:
        raise Broken
    return content
