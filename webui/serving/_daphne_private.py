"""Features that daphne lacks, added through undocumented parts of its requests and its server.

- A socket is closed with any code of the standard, sends messages of any size, and is broken off when its client reads
  nothing (`SiteSocket`).
- An answer waits for a client that reads slowly (`Tap`). Otherwise all that a provider sends gathers in our memory.
- An answer that fails after its status line is broken off (`handle_exception`). Otherwise daphne's periodic work stops
  and the client waits for ever.
- A request's body stays in its file until the application reads it (`Inbox`). Otherwise a body of 70 MB takes 200 MB
  for good, and a gigabyte as a form.
- No more of a body is kept than is allowed (`handleContentChunk`). Otherwise anybody could fill the disk.
- A stop lets answers end (`DaphneServer`).

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

import asyncio
from functools import partial
from io import BytesIO
from socket import socket
from typing import Any

import daphne.server  # before all of Twisted, because it chooses the reactor
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import defer, reactor
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from webui.layers import bodies
from webui.layers.shutdown import STEP_SECONDS, close_running

PIECE = 256 * 1024
MOST_UNSENT = 8 * 2**20  # bytes that wait for the client of a socket; a snapshot of the longest answer may have 6 MB


class Inbox(asyncio.Queue[dict[str, Any]]):
    """The queue of messages for the application: the body, piece by piece as it asks for it, then the rest."""

    def __init__(self, content: Any) -> None:
        super().__init__()
        self._content = content

    async def get(self) -> dict[str, Any]:
        if self._content is None:
            return await super().get()
        piece = self._content.read(PIECE)
        more = len(piece) == PIECE
        if not more:
            self._content.close()
            self._content = None
        return {"type": "http.request", "body": piece, "more_body": more}

    def put_nowait(self, message: dict[str, Any]) -> None:
        if message["type"] != "http.request":  # daphne hands on a body that is empty now
            super().put_nowait(message)


@implementer(IPushProducer)
class Tap:
    """Flow control: the connection closes the tap while its client reads too slowly, and opens it again."""

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
    content: Any
    tap: Tap | None = None  # answers in one piece need none

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Switch Twisted's form parser off: it reads a form into memory, and Django parses the form anyway."""
        super().__init__(*args, **{**kwargs, "parsePOSTFormSubmission": False})

    def take_body(self) -> Inbox:
        """Hand the file with the body over to the application."""
        content, self.content = self.content, BytesIO()
        return Inbox(content)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep at most one byte more than is allowed, by which the application sees that the body is too large."""
        kind = self.requestHeaders.getRawHeaders(b"content-type") or [b""]
        room = bodies.longest(kind[0]) + 1 - self.content.tell()
        if room > 0:
            super().handleContentChunk(data[:room])

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
        """Break off an answer that has begun when the application fails, so that no client takes it for complete.

        `_response_started` is daphne's own note whether the status line has gone out.
        """
        if not self._response_started:
            super().handle_exception(exception)
        elif not self.finished and self.channel is not None:
            self.channel.loseConnection()


class SiteSocket(WebSocketProtocol):  # type: ignore[misc]
    maxMessagePayloadSize: int

    def serverClose(self, code: int | None = None) -> None:
        """Close with any standard code. autobahn's `sendClose` refuses codes below 3000, such as 1013, “try again
        later”; its `sendCloseFrame`, which daphne uses itself, does not.
        """
        self.sendCloseFrame(code=1000 if code is None else code)

    def serverSend(self, content: Any, binary: bool = False) -> None:
        """Send a message of any size, or break the connection off if its client does not take what was sent before.

        Otherwise a client that reads nothing, and asks for one snapshot after another, fills the memory. A page that
        was only slow opens another socket and resumes. autobahn's bound is for messages of both directions.
        """
        transport = self.transport
        if len(transport.dataBuffer) - transport.offset + transport._tempDataLen > MOST_UNSENT:
            transport.abortConnection()
            return
        bound, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            super().serverSend(content, binary)
        finally:
            self.maxMessagePayloadSize = bound


class SiteFactory(HTTPFactory):  # type: ignore[misc]
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = SiteRequest
        return protocol


class DaphneServer(daphne.server.Server):  # type: ignore[misc]
    """daphne's server, whose stop takes no more connections, and gives those that are open their answers first."""

    def __init__(self, application: Any, sock: socket, **options: Any) -> None:
        """`sock` is bound and listens."""
        # daphne opens what it finds in `endpoints`, and refuses an empty list.
        super().__init__(application, endpoints=["adopted"], ready_callable=self.adopt, **options)
        self.endpoints: list[str] = []
        self.listening = sock

    def adopt(self) -> None:
        """Accept connections, with our requests. daphne calls this once its reactor runs."""
        self.http_factory = SiteFactory(self)
        self.ws_factory.protocol = SiteSocket
        sock = self.listening
        self.port = reactor.adoptStreamPort(  # type: ignore[attr-defined]
            sock.fileno(), sock.family, self.http_factory
        )

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application as daphne does, with an inbox that reads the body when it is asked for it."""
        if scope["type"] != "http":
            return super().create_application(protocol, scope)
        inbox = protocol.take_body()
        scope.setdefault("asgi", {"version": "3.0"})
        if protocol not in self.connections:
            return None
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(
            self.application(scope=scope, receive=inbox.get, send=partial(self.handle_reply, protocol))
        )
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send, and return once the client has taken enough of what was sent before."""
        await super().handle_reply(protocol, message)
        tap = getattr(protocol, "tap", None)
        if tap is not None and message.get("more_body"):
            await tap.open.wait()

    def kill_all_applications(self) -> Any:
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        self.port.stopListening()
        self.listening.close()
        await close_running()
        running = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details and not details["application_instance"].done()
        ]
        if running:
            await asyncio.wait(running, timeout=0.2)
        for application in running:
            application.cancel()
        if running:
            await asyncio.wait(running, timeout=STEP_SECONDS)
