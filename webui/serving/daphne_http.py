"""Two things that daphne's HTTP does not do by itself: wait for slow readers, and break off an answer that failed.

Without the first, everything a provider sends ahead of a slow client gathers in our memory. Without the second, an
application that fails after its status line stops daphne's housekeeping and leaves the client waiting for ever.
"""

import asyncio
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class Tap:
    """Closed by the connection while it takes no more."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    def pauseProducing(self) -> None:
        self.open.clear()

    def resumeProducing(self) -> None:
        self.open.set()

    def stopProducing(self) -> None:
        self.open.set()


class SiteRequest(WebRequest):  # type: ignore[misc]
    tap: Tap | None = None  # answers in one piece need none

    def handle_reply(self, message: dict[str, Any]) -> None:
        if self.tap is None and message.get("more_body") and not self.finished and self.channel is not None:
            self.tap = Tap()
            self.registerProducer(self.tap, True)
        super().handle_reply(message)

    def finish(self) -> None:
        if self.tap is not None:
            self.unregisterProducer()
        super().finish()

    def handle_exception(self, exception: BaseException) -> None:
        """The application failed: an answer that has begun is broken off, so that nobody takes it for complete."""
        if not self._response_started:
            super().handle_exception(exception)
        elif not self.finished and self.channel is not None:
            self.channel.loseConnection()


class SiteFactory(HTTPFactory):  # type: ignore[misc]
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = SiteRequest
        return protocol
