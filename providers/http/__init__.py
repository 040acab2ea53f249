"""The HTTP clients of the product. Only this package knows the HTTP libraries, the address policy and the timeouts.

`stream` is for the event loop (aiohttp, a pool per loop): bytes come as the server sent them, or `unpacked`; it stores
no cookie. `request`, `stream_blocking` and `fetch` are for threads (requests), each call on a connection of its own;
`websocket` too. All raise NetworkError, UpstreamTimeout and AddressRefused, never an exception of a library. A status
of 400 and above is a response, not an error. A redirect is an error (ConfigurationError), unless the caller says that
it reads `redirects`; `fetch` follows them. `pace` says what the limits mean.
"""

from providers.http.abort import Abort
from providers.http.blocking import BlockingResponse, TimedSession, fetch, request, stream_blocking
from providers.http.bodies import PiecewiseBody
from providers.http.content_encoding import readable, unpacker_for
from providers.http.local import LocalServer, local_server_wanted
from providers.http.policy import Limits, Reach, Tls
from providers.http.redaction import NO_SECRETS, Secrets, secrets_of
from providers.http.sockets import WebSocket, websocket
from providers.http.streaming import StreamedResponse, aclose, stream

__all__ = [
    "NO_SECRETS",
    "Abort",
    "BlockingResponse",
    "Limits",
    "LocalServer",
    "PiecewiseBody",
    "Reach",
    "Secrets",
    "StreamedResponse",
    "TimedSession",
    "Tls",
    "WebSocket",
    "aclose",
    "fetch",
    "local_server_wanted",
    "readable",
    "request",
    "secrets_of",
    "stream",
    "stream_blocking",
    "unpacker_for",
    "websocket",
]
