"""The WebSocket client, for threads, with the address policy, certificates and errors of the HTTP clients.

It sends no Origin header, because servers refuse a foreign one, and uses no proxy of the environment. A ping every 20
seconds notices a peer that is gone without closing.
"""

import json
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets import exceptions
from websockets.sync.client import ClientConnection, connect

from providers.errors import GatewayError, ProviderError
from providers.http import _websockets_private, failures, local, tcp
from providers.http.abort import Abort
from providers.http.policy import DEFAULT_PORTS, Limits, Reach, Tls, origin, tls_context
from providers.http.redaction import NO_SECRETS, Secrets
from providers.process import waiting
from providers.sentences import sentence as _

DEFAULT_LIMITS = Limits()
DEFAULT_TLS = Tls()
SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
PING_SECONDS = 20.0
CLOSE_SECONDS = 1.0  # how long the peer may take to confirm the end
MAX_FRAME = 64 * 2**20  # bytes; the library's own limit of 1 MB is smaller than an image


class _WithoutFrames(logging.LoggerAdapter[logging.Logger]):
    """The library writes every header and frame at level DEBUG, the key among them: nothing below INFO is written."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


class WebSocket:
    """An open WebSocket. Every method raises NetworkError once the peer is gone."""

    def __init__(self, connection: ClientConnection, secrets: Secrets = NO_SECRETS) -> None:
        self._connection = connection
        self._secrets = secrets

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """The next message, text or bytes; None where none came within `timeout` seconds."""
        waiting.give_back()
        try:
            message = self._connection.recv(timeout)
        except TimeoutError:
            return None
        except (exceptions.ConnectionClosed, OSError) as error:
            raise failures.of(error, _own) from error
        if isinstance(message, bytes) or not self._secrets:
            return message  # bytes are pictures
        return self._secrets.clean(message.encode()).decode()

    def send_json(self, value: Any) -> None:
        waiting.give_back()
        try:
            self._connection.send(json.dumps(value))
        except (exceptions.ConnectionClosed, OSError) as error:
            raise failures.of(error, _own) from error


@contextmanager
def websocket(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    tls: Tls = DEFAULT_TLS,
    reach: Reach = Reach.CONFIGURED,
    trusted_origin: str = "",
    secrets: Secrets = NO_SECRETS,
    abort: Abort | None = None,
) -> Iterator[WebSocket]:
    """Open a WebSocket at an http(s) or ws(s) URL; leaving the context closes it.

    Of the limits `connect` bounds the opening and `max_bytes` a message (64 MB without). Raises NetworkError,
    UpstreamTimeout, AddressRefused, ConfigurationError (CA file), and ProviderError (`websocket_refused`, with the
    status) where the server does not accept the WebSocket.
    """
    parts = urlsplit(url)
    as_http = urlunsplit(parts._replace(scheme={"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)))
    if not origin(as_http):
        raise failures.unusable_address()
    as_http, reach = local.destination(as_http, reach, trusted_origin)
    if abort and abort.fired:
        raise failures.network_error(failures.BROKEN)
    parts = urlsplit(as_http)
    end = None if limits.connect is None else time.monotonic() + limits.connect
    waiting.give_back()
    _websockets_private.allow_long_lines()
    with ExitStack() as stack:
        try:
            raw = tcp.connected(
                parts.hostname or "",
                parts.port or DEFAULT_PORTS[parts.scheme],
                only_public=reach is Reach.PUBLIC,
                end=end,
            )
            stack.callback(raw.close)
            if abort:
                abort.watch(raw)
            connection = stack.enter_context(
                connect(
                    urlunsplit(parts._replace(scheme=SCHEMES[parts.scheme])),
                    sock=raw,
                    ssl=_context(tls) if parts.scheme == "https" else None,
                    additional_headers=dict(headers or {}),
                    user_agent_header="webui",
                    compression=None,
                    proxy=None,
                    open_timeout=tcp.seconds_until(end),
                    ping_interval=PING_SECONDS,
                    ping_timeout=PING_SECONDS,
                    close_timeout=CLOSE_SECONDS,
                    max_size=limits.max_bytes or MAX_FRAME,
                    logger=_WithoutFrames(logging.getLogger(__name__)),
                )
            )
        except (exceptions.WebSocketException, OSError, ValueError) as error:
            raise failures.of(error, partial(_own, secrets=secrets)) from error
        if abort:
            abort.watch(connection.socket)  # the TLS socket has replaced ours
        yield WebSocket(connection, secrets)


def _context(tls: Tls) -> ssl.SSLContext:
    verification = tls_context(tls)
    if isinstance(verification, ssl.SSLContext):
        return verification
    context = ssl.create_default_context()
    if verification is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _own(error: BaseException, secrets: Secrets = NO_SECRETS) -> GatewayError | None:
    """Our error for an exception of the library."""
    match error:
        case exceptions.InvalidStatus():
            words = ""
            with suppress(AttributeError, UnicodeDecodeError):
                words = secrets.clean(bytes(error.response.body or b""), error=True).decode()[:500]
            return ProviderError(
                _("The provider did not accept the WebSocket connection."),
                code="websocket_refused",
                provider=words,
                status=error.response.status_code if error.response.status_code >= 400 else None,
            )
        case exceptions.InvalidURI() | exceptions.InvalidHeaderValue():
            return failures.unusable_address()
        case exceptions.InvalidHandshake() | exceptions.InvalidMessage():
            return failures.network_error(failures.NOT_HTTP)
        case exceptions.ConnectionClosed() if error.sent is not None and error.sent.code == 1009:
            return failures.too_large()
    return None
