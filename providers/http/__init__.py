"""The door: the only place that knows the HTTP libraries, the address policy, the time limits, the error translation.

Two faces. `stream` is for the event loop (aiohttp, pooled per loop): bytes come as the server sent them, nothing is
decompressed, followed or remembered. `request`, `stream_blocking` and `fetch` are for threads (requests): one slow
conversation each, on a connection of its own; `websocket` is their socket. All raise NetworkError, UpstreamTimeout and
AddressRefused, and nothing of the libraries' own; a status of 400 and above is an answer, not an error.
"""

from providers.http.abort import Abort
from providers.http.blocking import BlockingResponse, fetch, request, stream_blocking
from providers.http.bodies import PiecewiseBody
from providers.http.local import LocalServer, register_local
from providers.http.policy import Limits, Reach, Tls
from providers.http.sockets import Socket, websocket
from providers.http.streaming import StreamedResponse, aclose, stream

__all__ = [
    "Abort",
    "BlockingResponse",
    "Limits",
    "LocalServer",
    "PiecewiseBody",
    "Reach",
    "Socket",
    "StreamedResponse",
    "Tls",
    "aclose",
    "fetch",
    "register_local",
    "request",
    "stream",
    "stream_blocking",
    "websocket",
]
