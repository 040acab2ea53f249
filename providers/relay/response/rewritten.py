"""A provider's response of which some bytes are changed as they pass."""

from typing import Protocol

from providers.relay.response.base import RelayResponse, WrappedResponse


class Rewriter(Protocol):
    """Changes a body that comes in pieces."""

    def feed(self, piece: bytes) -> bytes:
        """The bytes that can be sent now; b"" where all of them wait for more."""

    def rest(self) -> bytes:
        """The bytes that wait, at the end of the body."""


class RewrittenResponse(WrappedResponse):
    """A response with other bytes than the provider's: the model's name that the client asked for, a stream without
    the usage for which only we asked.
    """

    __slots__ = ("_rewriter",)

    def __init__(self, inner: RelayResponse, rewriter: Rewriter) -> None:
        super().__init__(inner)
        self._rewriter = rewriter

    async def read_some(self) -> bytes:
        while piece := await self._inner.read_some():
            if rewritten := self._rewriter.feed(piece):
                return rewritten
        return self._rewriter.rest()
