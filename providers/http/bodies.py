"""A response body that arrives in pieces, and the ways to read it."""

from collections.abc import AsyncGenerator


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

    async def read(self) -> bytes:
        """The whole body. Raises as `read_some`."""
        return b"".join([piece async for piece in self.chunks()])
