"""A parser of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

Lines end in LF, CR or CRLF. Where images come as base64 they may be megabytes long. Pieces may be cut anywhere.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator

from providers import json_bodies
from providers.http import failures
from providers.process import waiting

DONE = "[DONE]"
BOM = b"\xef\xbb\xbf"
LONGEST_FRAME = 2**20  # bytes
LONGEST_WITH_PICTURES = 2**24  # bytes, in a stream that may hold pictures as base64 …
LONGEST_PICTURE = 2**26  # … and of a frame that names one at its beginning; 4096 x 4096 pixels as PNG
BEGINNING = 2**16  # bytes
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Frame:
    """One event. `event` is "" where the stream named none; several data lines are joined by a newline.

    `size` is in bytes. A large frame's `data` is decoded when it is asked for, which may be in a thread.
    """

    __slots__ = ("_data", "event", "size")

    def __init__(self, event: str, data: str | bytes) -> None:
        self.event = event
        self.size = len(data)
        self._data = data

    @property
    def data(self) -> str:
        return self._data if isinstance(self._data, str) else self._data.decode(errors="replace")

    @property
    def is_done(self) -> bool:
        """Whether this is OpenAI's end mark. As in its own client, everything that begins like it counts."""
        return self._data.startswith(DONE if isinstance(self._data, str) else DONE.encode())  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and (self.event, self.data) == (other.event, other.data)

    def __repr__(self) -> str:
        return f"Frame({self.event!r}, {self.data[:80]!r})"

    __hash__ = None  # type: ignore[assignment]


class Splitter:
    """Turns pieces of bytes into frames. Keeps what is not complete yet; searches each byte for a line end once.

    Raises ProviderError (`answer_too_large`) for a line, or a frame of several lines, of more than `longest` bytes,
    with pictures `LONGEST_PICTURE`.
    """

    def __init__(self, longest: int = LONGEST_FRAME) -> None:
        self._longest = longest
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer known to hold no line end
        self._after_cr = False  # the last line ended in CR: a LF that follows belongs to it
        self._begun = False
        self._event = ""
        self._later = ""  # an event named after data: of this frame, or of the next one
        self._data: list[bytes] = []
        self._size = 0  # bytes of the data lines

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this piece completes."""
        if not chunk:
            return []
        if self._after_cr:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        self._buffer += chunk
        complete: list[Frame] = []
        start = 0
        for match in _LINE_END.finditer(self._buffer, self._searched):
            self._line(bytes(self._buffer[start : match.start()]), complete)
            start = match.end()
        self._after_cr = start > 0 and start == len(self._buffer) and self._buffer[-1] == 0x0D
        del self._buffer[:start]
        self._searched = len(self._buffer)
        self._check(self._size + len(self._buffer))
        return complete

    def close(self) -> list[Frame]:
        """The frame that the end of the stream completes, because some servers leave out the last blank line."""
        complete: list[Frame] = []
        self._line(bytes(self._buffer), complete)
        self._line(b"", complete)
        self._buffer.clear()
        self._searched = 0
        return complete

    def _line(self, line: bytes, complete: list[Frame]) -> None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(BOM)
        if not line:
            self._event, self._later = self._later or self._event, ""
            self._end(complete)
            return
        name, _colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._separate(value, complete)
            self._add(value)
        elif name == b"error":  # no field of the standard: some servers report an error in mid-stream so
            self._separate(value, complete)
            self._event = "error"
            self._add(value)
        elif name == b"event" and self._data:
            self._later = value.decode(errors="replace")
        elif name == b"event":
            self._event = value.decode(errors="replace")

    def _separate(self, value: bytes, complete: list[Frame]) -> None:
        """End the frame before this line of data, where a server separates frames by single line ends."""
        if self._data and self._is_whole(before=value):
            self._end(complete)

    def _end(self, complete: list[Frame]) -> None:
        if self._data:
            complete.append(self._frame())
        self._event, self._later, self._data, self._size = self._later, "", [], 0

    def _add(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value) + 1
        self._check(self._size)

    def _check(self, size: int) -> None:
        if size <= self._longest:
            return
        beginning = self._data[0] if self._data else self._buffer
        named = self._longest >= LONGEST_WITH_PICTURES and b"image" in beginning[:BEGINNING]
        if not named or size > LONGEST_PICTURE:
            raise failures.too_large()

    def _frame(self) -> Frame:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        return Frame(self._event, data if len(data) > waiting.LARGE else data.decode(errors="replace"))

    def _is_whole(self, *, before: bytes) -> bool:
        """Whether the data so far is a complete frame: a JSON object, or words before one."""
        first = self._data[0]
        if first[:1] not in (b"{", b"["):
            return before.startswith(b"{")
        if len(self._data) > 1:
            return False  # an object of several lines; looked at anew with each, a frame would cost its square
        if len(first) > waiting.LARGE:
            return first.endswith(b"}") and before.startswith(b"{")
        try:
            return isinstance(json_bodies.parse_response(first), dict)
        except ValueError:
            return False


async def frames(chunks: AsyncIterable[bytes], *, longest: int = LONGEST_FRAME) -> AsyncIterator[Frame]:
    """The frames of a byte stream, each as soon as it is complete. Raises what `chunks` and `Splitter` raise."""
    splitter = Splitter(longest)
    async for chunk in chunks:
        for frame in splitter.feed(chunk):
            yield frame
    for frame in splitter.close():
        yield frame
