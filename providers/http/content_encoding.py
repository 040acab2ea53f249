"""Content encodings: bodies with `Content-Encoding`, of providers (although identity was asked for) and clients.

They are unpacked in pieces of a bounded size, so that a small body that unpacks to gigabytes costs no more than its
reader takes. https://www.rfc-editor.org/rfc/rfc9110#section-8.4
"""

import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

PIECE = 2**18  # bytes that are unpacked at once
FED = 2**14  # packed bytes that a coding gets at once: its library copies those that it leaves at each step
MAX_ERROR = 2**20  # bytes of an error once unpacked; the rest of a longer one is left out
MAX_CODINGS = 3  # nested codings
PACKED_HEADERS = frozenset({"content-encoding", "content-length"})  # headers that are wrong for the unpacked body
PLAIN = frozenset({"", "identity", "none", "binary", "utf-8", "utf8", "us-ascii"})  # spellings of servers
GZIP_MAGIC = b"\x1f\x8b"


class CannotUnpack(ValueError):
    """The body is not what its `Content-Encoding` says, or ends too early."""


class _Stage(Protocol):
    """One coding: packed bytes in, plain bytes out."""

    def feed(self, data: bytes) -> None: ...

    def take(self, most: int) -> bytes:
        """At most so many bytes; b"" where more input is needed. Raises errors of its library."""

    @property
    def is_complete(self) -> bool: ...


class _Zlib:
    """gzip, or zlib for `deflate`; some servers send `deflate` without zlib's frame."""

    def __init__(self, *formats: int) -> None:
        self._formats = list(formats)
        self._unpacker = zlib.decompressobj(self._formats.pop(0))
        self._input = self._tried = b""  # `_tried`: what another format would begin with
        self._has_more = self._begun = False

    def feed(self, data: bytes) -> None:
        self._input += data

    def take(self, most: int) -> bytes:
        while True:  # until there are bytes, or no input: a member may hold nothing
            if self._unpacker.eof:  # behind the end a gzip file may hold another one; anything else is padding
                if not GZIP_MAGIC.startswith(self._input[:2]):
                    self._input = b""
                if len(self._input) < len(GZIP_MAGIC):
                    return b""
                self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            if not (self._input or self._has_more):
                return b""
            piece = self._step(most)
            if piece or not (self._unpacker.eof or self._input):
                return piece

    def _step(self, most: int) -> bytes:
        data, self._input = self._input, b""
        if self._formats:
            self._tried += data
        try:
            piece = self._unpacker.decompress(data, most)
        except zlib.error:
            if self._begun or not self._formats:
                raise
            self._unpacker, self._input = zlib.decompressobj(self._formats.pop(0)), self._tried
            return b""
        if piece or self._unpacker.eof:
            self._begun, self._formats, self._tried = True, [], b""
        self._has_more = len(piece) == most
        self._input = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
        return piece

    @property
    def is_complete(self) -> bool:
        return self._unpacker.eof


class _Brotli:
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]

        self._unpacker = brotli.Decompressor()
        self._input = b""
        self._has_more = False

    def feed(self, data: bytes) -> None:
        self._input += data

    def take(self, most: int) -> bytes:
        """A little more than `most`, where brotli's buffer is larger."""
        data = b""
        if self._unpacker.can_accept_more_data() and not self._unpacker.is_finished():
            data, self._input = self._input, b""
        if not (data or self._has_more):
            return b""
        piece = bytes(self._unpacker.process(data, output_buffer_limit=most))
        self._has_more = len(piece) >= most
        return piece

    @property
    def is_complete(self) -> bool:
        return bool(self._unpacker.is_finished())


class _Zstandard:
    def __init__(self) -> None:
        self._unpacker = self._new()
        self._input = b""

    @staticmethod
    def _new() -> Any:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        return zstd.ZstdDecompressor()

    def feed(self, data: bytes) -> None:
        self._input += data

    def take(self, most: int) -> bytes:
        while True:  # as above: a frame may hold nothing
            if self._unpacker.eof:  # another frame may follow
                self._input = self._unpacker.unused_data + self._input
                if not self._input:
                    return b""
                self._unpacker = self._new()
            if self._unpacker.needs_input and not self._input:
                return b""
            data, self._input = self._input, b""
            piece = bytes(self._unpacker.decompress(data, most))
            if piece or not self._unpacker.eof:
                return piece

    @property
    def is_complete(self) -> bool:
        return bool(self._unpacker.eof)


_STAGES: dict[str, Callable[[], _Stage]] = {
    "gzip": lambda: _Zlib(zlib.MAX_WBITS | 32),
    "x-gzip": lambda: _Zlib(zlib.MAX_WBITS | 32),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS | 32, -zlib.MAX_WBITS),
    "br": _Brotli,
    "zstd": _Zstandard,
}
CODINGS = tuple(name for name in _STAGES if not name.startswith("x-"))


class Unpacker:
    """Unpacks one body: `feed` it what has come, then `take` until nothing comes any more; `end` it."""

    def __init__(self, codings: tuple[str, ...]) -> None:
        self._stages = [_STAGES[name]() for name in reversed(codings)]
        self._waiting: deque[memoryview] = deque()  # packed bytes that the first stage has yet to get
        self._fed = False

    def feed(self, data: bytes) -> None:
        if data:
            self._fed = True
            self._waiting.append(memoryview(data))

    def take(self, most: int = PIECE) -> bytes:
        """The next bytes, at most so many; b"" where more input is needed. Raises CannotUnpack."""
        try:
            return self._take(len(self._stages) - 1, most)
        except Exception as error:  # each library has an error of its own
            raise CannotUnpack from error

    def _take(self, index: int, most: int) -> bytes:
        stage = self._stages[index]
        while not (piece := stage.take(most)):
            data = self._take(index - 1, FED) if index else self._next_packed()
            if not data:
                return b""
            stage.feed(data)
        return piece

    def _next_packed(self) -> bytes:
        if not self._waiting:
            return b""
        data = self._waiting.popleft()
        if len(data) > FED:
            self._waiting.appendleft(data[FED:])
        return bytes(data[:FED])

    def end(self) -> None:
        """Raises CannotUnpack where the body was cut off; an empty one is whole."""
        if self._fed and not self._stages[-1].is_complete:
            raise CannotUnpack


def codings_in(value: str) -> tuple[str, ...]:
    """The names in a `Content-Encoding`, in lower case, in the order of packing; without those that pack nothing."""
    names = (name.strip().lower() for name in value.split(","))
    return tuple(name for name in names if name not in PLAIN)


def is_known(codings: Iterable[str]) -> bool:
    names = tuple(codings)
    return len(names) <= MAX_CODINGS and all(name in _STAGES for name in names)


def unpacker_for(headers: Iterable[tuple[str, str]]) -> Unpacker | None:
    """The unpacker for a response's headers; None for a plain body, and for an unknown coding such as `utf-8`."""
    codings = codings_of(headers)
    return Unpacker(codings) if codings and is_known(codings) else None


def codings_of(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    values = [value for name, value in headers if name.lower() == "content-encoding"]
    return codings_in(",".join(values)) if values else ()


def without_packing(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of the unpacked body."""
    return [pair for pair in headers if pair[0].lower() not in PACKED_HEADERS]


def readable(body: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """The beginning of an error's body as plain bytes, for the words in it."""
    codings = codings_of(headers)
    return ErrorUnpacker(codings).feed(body) if codings else body


class ErrorUnpacker:
    """Unpacks an error in pieces. What cannot be unpacked is left out as a whole: it may hold anything."""

    __slots__ = ("_left", "_unpacker")

    def __init__(self, codings: tuple[str, ...]) -> None:
        self._unpacker = Unpacker(codings) if is_known(codings) else None
        self._left = MAX_ERROR

    def feed(self, piece: bytes) -> bytes:
        if self._unpacker is None:
            return b""
        self._unpacker.feed(piece)
        plain = list[bytes]()
        try:
            while self._left > 0 and (taken := self._unpacker.take(min(PIECE, self._left))):
                plain.append(taken[: self._left])
                self._left -= len(taken)
        except CannotUnpack:
            self._unpacker = None
        if self._left <= 0:
            self._unpacker = None
        return b"".join(plain)
