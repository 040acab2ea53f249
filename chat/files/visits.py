"""How often somebody at one address asks for what needs no account."""

import hashlib
import time
from typing import Any

from django.core.cache import cache

from providers.errors import RateLimited
from providers.process import client_address
from providers.sentences import sentence as _

WINDOW = 60  # seconds


def check(request: Any, what: str, *, per_minute: int) -> None:
    """Count a visit. Raises RateLimited beyond so many in this minute from the address of the request."""
    address = hashlib.sha256(client_address.of_request(request).encode()).hexdigest()[:24]
    minute, left = divmod(int(time.time()), WINDOW)
    key = f"visits:{what}:{address}:{minute}".replace(" ", "-")
    cache.add(key, 0, 2 * WINDOW)
    try:
        count = cache.incr(key)
    except ValueError:  # the cache has let it go
        return
    if count > per_minute:
        message = _("Too many requests from your address. Wait a minute, then try again.")
        raise RateLimited(message, retry_after=float(WINDOW - left))
