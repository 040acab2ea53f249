"""A parser of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

Lines end in LF, CR or CRLF and may be megabytes long (images as base64). Pieces may be cut anywhere.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass

import orjson

DONE = "[DONE]"
BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Frame:
    """One event. `event` is "" where the stream named none; several data lines are joined by a newline."""

    event: str
    data: str

    @property
    def is_done(self) -> bool:
        """Whether this is OpenAI's end mark. As in its own client, everything that begins like it counts."""
        return self.data.startswith(DONE)


class Splitter:
    """Turns pieces of bytes into frames. Keeps what is not complete yet; searches each byte for a line end once."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer known to hold no line end
        self._after_cr = False  # the last line ended in CR: a LF that follows belongs to it
        self._begun = False
        self._event = ""
        self._data: list[bytes] = []

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
            if self._data:
                complete.append(Frame(self._event, b"\n".join(self._data).decode(errors="replace")))
            self._event, self._data = "", []
            return
        name, _colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            if self._data and self._is_whole(before=value):
                self._line(b"", complete)  # some servers separate frames by single line ends
            self._data.append(value)
        elif name == b"error":  # no field of the standard: some servers report an error in mid-stream so
            self._event = "error"
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode(errors="replace")

    def _is_whole(self, *, before: bytes) -> bool:
        """Whether the lines of data so far are a frame of their own: a JSON object, or words before one."""
        if self._data[0][:1] not in (b"{", b"["):
            return before.startswith(b"{")
        try:
            return isinstance(orjson.loads(b"\n".join(self._data)), dict)
        except orjson.JSONDecodeError:
            return False


async def frames(chunks: AsyncIterable[bytes]) -> AsyncIterator[Frame]:
    """The frames of a byte stream, each as soon as it is complete. Raises what `chunks` raises."""
    splitter = Splitter()
    async for chunk in chunks:
        for frame in splitter.feed(chunk):
            yield frame
    for frame in splitter.close():
        yield frame
