"""daphne, the default server, inside this process."""

import asyncio
import signal
from functools import partial
from socket import socket
from typing import Any

from daphne.server import Server
from django.conf import settings
from twisted.internet import defer, reactor

from webui.layers.shutdown import GRACE_SECONDS, close_running
from webui.serving import background
from webui.serving.daphne_http import SiteFactory


class SiteServer(Server):  # type: ignore[misc]
    """daphne's server, whose stop first tells the running replies and then waits briefly for the connections."""

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """daphne's own, with an inbox that reads the body when it is asked for it."""
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
            await asyncio.wait(running, timeout=GRACE_SECONDS)


def run(application: Any, sock: socket) -> None:
    """Serve on `sock` until SIGTERM or SIGINT."""

    def adopt() -> None:
        server.http_factory = SiteFactory(server)
        reactor.adoptStreamPort(sock.fileno(), sock.family, server.http_factory)  # type: ignore[attr-defined]

    server = SiteServer(
        application,
        endpoints=["adopted"],  # daphne refuses an empty list; ours is a socket that listens already
        ready_callable=adopt,
        application_close_timeout=1,  # seconds until the task of a client that left is cancelled
        websocket_max_message_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        websocket_max_frame_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        server_name="",
    )
    server.endpoints = []
    background.start()
    # Twisted takes SIGINT over only from Python's own handler, which a shell that starts us in the background removes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    server.run()
