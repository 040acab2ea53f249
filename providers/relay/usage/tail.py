"""The end of a response, which is all that is kept of it: its usage stands there."""

from collections import deque

from providers.http.content_encoding import CannotUnpack, Unpacker
from providers.process import waiting

TAIL_BYTES = 64 * 1024  # the end of a response, which has its usage
HEAD_BYTES = 1024  # the beginning, where servers that rerank put it, and Anthropic's streams that of the input
MAX_UNPACKED = 2**26  # bytes of a packed response that are looked through
MAX_UNPACKED_AT_ONCE = 2**21  # of them, because the event loop waits meanwhile


class Tail:
    """The last pieces of a response, for the tokens that it reports, and the number of all bytes received."""

    __slots__ = ("_pieces", "_size", "_text", "head", "received")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self.head = b""  # the first `HEAD_BYTES`
        self._text: bytes | None = None  # of these pieces; two of its readers come at the end of a response
        self.received = 0

    def add(self, piece: bytes) -> None:
        size = len(piece)
        self._text = None
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        self._pieces.append(piece)
        self._size += size
        self.received += size
        while self._size - len(self._pieces[0]) >= TAIL_BYTES:
            self._size -= len(self._pieces.popleft())

    @property
    def is_behind(self) -> bool:
        """Whether `add` put something off: then `finish` comes before anything is counted."""
        return False

    async def finish(self) -> None:
        """Look through what `add` put off, at the end of the body."""

    @property
    def text(self) -> bytes:
        """The last `TAIL_BYTES`."""
        if self._text is None:
            self._text = b"".join(self._pieces)[-TAIL_BYTES:]
        return self._text

    @property
    def end(self) -> bytes:
        """The last few bytes."""
        return b"".join(list(self._pieces)[-4:])[-4:]


class PackedTail(Tail):
    """The tail of a response that is passed on compressed.

    A piece that unpacks to much is unpacked in parts, one with each piece that follows, and the rest in `finish`.
    """

    __slots__ = ("_has_more", "_left", "_unpacker")

    def __init__(self, unpacker: Unpacker) -> None:
        super().__init__()
        self._unpacker = unpacker
        self._left = MAX_UNPACKED
        self._has_more = False  # there may be more to unpack

    def add(self, piece: bytes) -> None:
        if self._left > 0:
            self._unpacker.feed(piece)
        self._keep(self._unpack())
        self.received += len(piece)

    @property
    def is_behind(self) -> bool:
        return self._has_more

    async def finish(self) -> None:
        while self._has_more:
            self._keep(await waiting.in_own_thread(self._unpack))

    def _keep(self, plain: list[bytes]) -> None:
        received = self.received
        for piece in plain:
            super().add(piece)
        self.received = received

    def _unpack(self) -> list[bytes]:
        """The next part, about `MAX_UNPACKED_AT_ONCE` bytes; less where there is no more."""
        part, end = list[bytes](), max(0, self._left - MAX_UNPACKED_AT_ONCE)
        try:
            while self._left > end and (plain := self._unpacker.take()):
                self._left -= len(plain)
                part.append(plain)
        except CannotUnpack:
            self._left = 0
        self._has_more = 0 < self._left <= end
        return part
