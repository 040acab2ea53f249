"""A body that arrives in pieces, and the ways to read it."""

from collections.abc import AsyncGenerator


class PiecewiseBody:
    """Base of answers that give their body by `read_some`."""

    __slots__ = ()

    async def read_some(self) -> bytes:
        """The next piece, waiting for one; b"" at the end."""
        raise NotImplementedError

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, once, in the pieces that have arrived whenever somebody asks. Raises as `read_some`."""
        while piece := await self.read_some():
            yield piece

    async def read(self) -> bytes:
        """The whole body. Raises as `read_some`."""
        return b"".join([piece async for piece in self.chunks()])
