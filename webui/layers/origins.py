"""The check of a WebSocket's origin.

Any page on the web can open a WebSocket to this site, and the browser then sends this site's cookies with it. It also
sends the page's address as `Origin` (scheme, host and port). A socket is accepted if that is this site's own origin as
browsers see it (behind a proxy: by the forwarded headers), or one of CSRF_TRUSTED_ORIGINS. A request without `Origin`,
or with `null`, is refused.
"""

import io
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils.http import is_same_domain

from webui.layers.forwarded import as_seen_outside

PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]  # scheme, host, port


class OwnOrigin:
    """ASGI layer around the sockets: answers 403 to every other origin."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        scope = as_seen_outside(scope)
        application = self.inner if is_allowed(scope) else WebsocketDenier()
        return await application(scope, receive, send)


def is_allowed(scope: Any) -> bool:
    """Whether the page that opens this socket is one of ours."""
    values = [value for name, value in scope["headers"] if name == b"origin"]
    origin = _parsed(values[0].decode("latin-1")) if len(values) == 1 else None
    if origin is None:
        return False
    return origin == _own(scope) or any(_is_trusted(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def _own(scope: Any) -> Origin | None:
    """The origin of the page, from the same headers as Django reads for its requests."""
    scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
    request = ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, io.BytesIO())
    try:
        return _parsed(f"{request.scheme}://{request.get_host()}")
    except DisallowedHost:
        return None


def _is_trusted(origin: Origin, trusted: str) -> bool:
    """Whether an entry of CSRF_TRUSTED_ORIGINS matches; it may include all subdomains: https://*.example.com."""
    scheme, host, port = origin
    known = _parsed(trusted.replace("://*.", "://", 1))
    if known is None or (scheme, port) != (known[0], known[2]):
        return False
    return is_same_domain(host, f".{known[1]}") and host != known[1] if "://*." in trusted else host == known[1]


def _parsed(text: str) -> Origin | None:
    """The parts of an origin, always with a port; None for an invalid one."""
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port
