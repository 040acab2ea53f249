"""The site as an ASGI application, in layers.

A request passes, from the outside in: spans where tracing is on (`TracedRequests`), the list of running requests, which
counts them (`RunningCalls`), the lane (`Gateway`), static files, the check of bodies (`WholeBodies`), Django.
A WebSocket passes the check of its origin and the session.

`application` is what servers run. `django_application` leaves the lane out, for tests that send a call both ways.
"""

import asyncio
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.settings")

import django

django.setup(set_prefix=False)  # everything below may import models

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries

from chat.sockets.routing import websocket_urlpatterns
from providers import runtime
from providers.relay.lane import Gateway
from providers.relay.operations import OPERATIONS
from webui.layers.bodies import WholeBodies
from webui.layers.calls import RunningCalls
from webui.layers.handler import SiteHandler
from webui.layers.origins import OwnOrigin
from webui.layers.shutdown import close_running
from webui.layers.static import StaticFiles
from webui.monitoring import calls
from webui.monitoring.metrics import count_request

# A request's thread closes its connections when the request ends: at the start of the next there is no old one.
request_started.disconnect(close_old_connections)
request_started.disconnect(reset_queries)

calls.connect()  # not earlier: the library of metrics reads its folder when it is imported, and `serve` sets it

_sockets = OwnOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))


API_PATHS = tuple({f"{prefix.strip('/')}/" for operation in OPERATIONS.values() for prefix in operation.prefixes})


def _plain(scope: Any) -> Any:
    """The scope without surplus slashes around a path of the gateway: clients that join paths add them."""
    path = scope["path"]
    if path[-1:] != "/" and not path.startswith("//"):
        return scope
    plain = path.strip("/")
    return {**scope, "path": f"/{plain}"} if f"{plain}/".startswith(API_PATHS) else scope


class Site:
    """Hands each scope to its layer. Servers with a lifespan protocol tell us through it when they stop."""

    def __init__(self, http: Any) -> None:
        self.http = http

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = _plain(scope)
            await self.http(scope, receive, send)
        elif scope["type"] == "websocket":
            await _sockets(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise ValueError(f"No layer for {scope['type']}")

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await close_running()
                await asyncio.to_thread(runtime.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def _site(http: Any) -> Site:
    observed: Any = RunningCalls(http, count_request)
    if settings.TRACING:
        from webui.monitoring import tracing  # an extra, which need not be installed

        observed = tracing.TracedRequests(observed)
    return Site(observed)


if settings.TRACING:
    from webui.monitoring import tracing

    tracing.begin()
_static = StaticFiles(WholeBodies(SiteHandler()))
django_application = _site(_static)
application = _site(Gateway(_static)) if settings.GATEWAY_LANE else django_application
