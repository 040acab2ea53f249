"""One JSON document as a stream: its items, one at a time, however large the whole is.

Each item has bounds of its own. A document whose bounds are exceeded, or that is broken, ends there: what came before
is filled.
"""

from collections.abc import Callable, Iterator
from typing import IO, Any

import ijson

from chat.imports.values import Unreadable
from providers.sentences import sentence as _

MAX_ITEM_BYTES = 64 * 2**20  # of one chat
MAX_VALUES = 3_000_000  # texts, numbers, lists and objects of one chat
MAX_DEPTH = 20_000  # a tree of messages inside each other is as deep as its chat is long
BEAT = 20_000  # values between two beats
START = ("start_map", "start_array")
END = ("end_map", "end_array")


class Counted:
    """A file that counts what is read of it, skips a byte order mark, and is bounded between two calls of `reset`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.position = 0
        self._reset_at = 0

    def reset(self) -> None:
        self._reset_at = self.position

    def read(self, size: int = -1) -> bytes:
        if self.position - self._reset_at > MAX_ITEM_BYTES:
            raise Unreadable(
                _("This chat is larger than %d MB. What follows it was not read.") % (MAX_ITEM_BYTES >> 20)
            )
        piece = self._file.read(2**16 if size < 0 else size)
        if self.position == 0:
            piece = piece.removeprefix(b"\xef\xbb\xbf") or piece
        self.position += len(piece)
        return piece


def read(file: IO[bytes], beat: Callable[[int], None]) -> Iterator[Any]:
    """The items of a list, or the document itself where it is no list. `beat` gets the number of bytes read.

    Raises Unreadable for what is no JSON, or exceeds a bound.
    """
    counted = Counted(file)
    events = _events(counted, beat)
    try:
        kind, value = next(events)
        if kind != "start_array":
            yield _value(kind, value, events)
            return
        for kind, value in events:
            if kind == "end_array":
                return
            item = _value(kind, value, events)
            counted.reset()
            yield item
    except StopIteration:
        raise Unreadable(_("This file is empty.")) from None


def _events(counted: Counted, beat: Callable[[int], None]) -> Iterator[tuple[str, Any]]:
    try:
        for number, event in enumerate(ijson.basic_parse(counted, use_float=True)):
            if number % BEAT == 0:
                beat(counted.position)
            yield event
    except ijson.JSONError as error:
        raise Unreadable(_("This is not JSON, or its end is missing.")) from error
    except UnicodeDecodeError as error:
        raise Unreadable(_("This is not JSON, or its end is missing.")) from error


def _value(kind: str, value: Any, events: Iterator[tuple[str, Any]]) -> Any:
    """The value that begins with this event, built without recursion."""
    if kind not in START:
        return value
    root: Any = {} if kind == "start_map" else []
    stack: list[Any] = [root]
    keys: list[str] = [""]
    count = 0
    for kind, value in events:
        if kind == "map_key":
            keys[-1] = value
            continue
        if kind in END:
            stack.pop()
            keys.pop()
            if not stack:
                return root
            continue
        count += 1
        if count > MAX_VALUES or len(stack) > MAX_DEPTH:
            raise Unreadable(_("This chat has too many parts. What follows it was not read."))
        new: Any = {} if kind == "start_map" else [] if kind == "start_array" else value
        if isinstance(stack[-1], dict):
            stack[-1][keys[-1]] = new
        else:
            stack[-1].append(new)
        if kind in START:
            stack.append(new)
            keys.append("")
    raise Unreadable(_("This is not JSON, or its end is missing."))
