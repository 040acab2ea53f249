"""The headers that proxies in front of this site set: `X-Forwarded-For` and `X-Forwarded-Proto`.

Each header is a list. A proxy appends one entry at its end, or passes the header on. So the last `TRUSTED_PROXY_COUNT`
entries come from our proxies, and the first of these says what the outermost proxy saw. Only that entry is kept:
the visitor may have written everything before it.
"""

from typing import Any

from django.conf import settings

HEADERS = (b"x-forwarded-for", b"x-forwarded-proto")


def as_seen_outside(scope: Any) -> Any:
    """A copy of the ASGI scope in which each of these headers has one entry; the scope itself where there is none."""
    count = settings.TRUSTED_PROXY_COUNT
    if not count or not any(name in HEADERS for name, _value in scope["headers"]):
        return scope
    chosen: dict[bytes, bytes] = {}
    others = []
    for name, value in scope["headers"]:
        if name in HEADERS:  # several lines are one list
            chosen[name] = chosen[name] + b"," + value if name in chosen else value
        else:
            others.append((name, value))
    return {**scope, "headers": [*others, *((name, _entry(value, count)) for name, value in chosen.items())]}


def _entry(value: bytes, count: int) -> bytes:
    """The entry of the outermost trusted proxy; the first where there are fewer."""
    entries = value.split(b",")
    return entries[-min(count, len(entries))].strip()
