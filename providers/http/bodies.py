"""A response body that arrives in pieces, and the ways to read it."""

from collections.abc import AsyncGenerator

from providers.http import failures
from providers.process import waiting

LONGEST_ERROR = 2**16  # bytes of an error body that are read


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
        pieces, is_whole = await self._read_up_to(max_bytes)
        if not is_whole:
            raise failures.too_large()
        return await waiting.off_loop(max_bytes, b"".join, pieces)

    async def beginning(self, max_bytes: int = LONGEST_ERROR) -> bytes:
        """The body up to `max_bytes`, for the words in it. Raises as `read_some`."""
        pieces, _is_whole = await self._read_up_to(max_bytes)
        return b"".join(pieces)[:max_bytes]

    async def _read_up_to(self, max_bytes: int) -> tuple[list[bytes], bool]:
        """The pieces until their size exceeds `max_bytes`, and whether they are the whole body."""
        pieces, size = list[bytes](), 0
        while piece := await self.read_some():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                return pieces, False
        return pieces, True
