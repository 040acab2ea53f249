"""What the proxies in front of this site say of a request: `X-Forwarded-For` and `X-Forwarded-Proto`.

Each of the `TRUSTED_PROXY_COUNT` proxies appends to them or passes them on; what stands further left a visitor may have
written. The entry that many from the right is what the outermost of them saw; it alone is left.
"""

from typing import Any

from django.conf import settings

HEADERS = (b"x-forwarded-for", b"x-forwarded-proto")


def as_seen_outside(scope: Any) -> Any:
    """An ASGI scope whose forwarded headers have one entry each. The same object where there is nothing to choose."""
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
