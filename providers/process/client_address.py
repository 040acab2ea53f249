"""The address of the client that sent a request.

It is the other end of the socket; behind proxies (BEHIND_PROXY) it is what the outermost of them saw. Each proxy
appends one entry to `X-Forwarded-For`, or passes the header on. So the last `TRUSTED_PROXY_COUNT` entries come from our
proxies, and the first of these is what counts: the client may have written everything before it.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest

HEADER = b"x-forwarded-for"


def of_scope(scope: Mapping[str, Any]) -> str:
    """The address in an ASGI scope; empty where the server knows none."""
    if settings.TRUSTED_PROXY_COUNT:
        lines = [value for name, value in scope["headers"] if name == HEADER]  # several lines are one list
        if lines:
            return forwarded_entry(b",".join(lines)).decode("latin-1")
    client = scope.get("client")
    return client[0] if client else ""


def of_request(request: HttpRequest) -> str:
    """The address in a request of Django; empty where the server knows none."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.TRUSTED_PROXY_COUNT and forwarded:
        return forwarded_entry(forwarded.encode("latin-1", "replace")).decode("latin-1")
    return str(request.META.get("REMOTE_ADDR") or "")


def forwarded_entry(value: bytes) -> bytes:
    """The entry of the outermost trusted proxy in such a list; the first where there are fewer."""
    entries = value.split(b",")
    return entries[-min(settings.TRUSTED_PROXY_COUNT, len(entries))].strip()
