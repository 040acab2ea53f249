"""Bodies in pieces: a request's that is read while it is sent, a response's as it arrives, and the ways to read it."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from providers.http import failures
from providers.process import waiting

LONGEST_ERROR = 2**16  # bytes of an error body that are read


class SentBody(Protocol):
    """The body of a request that is not in memory."""

    @property
    def size(self) -> int: ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes from the beginning: a call that is sent again reads them again."""


class PiecewiseBody:
    """Base of responses whose body is read with `read_some`."""

    __slots__ = ()

    async def read_some(self) -> bytes:
        """The next piece, waiting for one; b"" at the end."""
        raise NotImplementedError

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces, each with what has arrived by then. Can be read once. Raises as `read_some`."""
        while piece := await self.read_some():
            yield piece

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises as `read_some`, and ProviderError (`answer_too_large`) beyond `max_bytes`."""
        pieces, size = await self._read_up_to(max_bytes)
        if size > max_bytes:
            raise failures.too_large()
        return await waiting.off_loop(size, b"".join, pieces)

    async def beginning(self, max_bytes: int = LONGEST_ERROR) -> bytes:
        """The body up to `max_bytes`, for the words in it. Raises as `read_some`."""
        pieces, _size = await self._read_up_to(max_bytes)
        return b"".join(pieces)[:max_bytes]

    async def _read_up_to(self, max_bytes: int) -> tuple[list[bytes], int]:
        """The pieces and their size: all of the body, or as much as makes the size exceed `max_bytes`."""
        pieces, size = list[bytes](), 0
        while size <= max_bytes and (piece := await self.read_some()):
            pieces.append(piece)
            size += len(piece)
        return pieces, size
