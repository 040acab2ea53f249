"""The headers that proxies in front of this site set: `X-Forwarded-For` and `X-Forwarded-Proto`.

Each header is a list, of which only the entry of the outermost of our proxies is kept: see
`providers.process.client_address`.
"""

from typing import Any

from django.conf import settings

from providers.process.client_address import forwarded_entry

HEADERS = (b"x-forwarded-for", b"x-forwarded-proto")


def as_seen_outside(scope: Any) -> Any:
    """A copy of the ASGI scope in which each of these headers has one entry; the scope itself where there is none."""
    if not settings.TRUSTED_PROXY_COUNT or not any(name in HEADERS for name, _value in scope["headers"]):
        return scope
    chosen: dict[bytes, bytes] = {}
    others = []
    for name, value in scope["headers"]:
        if name in HEADERS:  # several lines are one list
            chosen[name] = chosen[name] + b"," + value if name in chosen else value
        else:
            others.append((name, value))
    return {**scope, "headers": [*others, *((name, forwarded_entry(value)) for name, value in chosen.items())]}
