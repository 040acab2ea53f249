"""Calls to providers. Lane, views and the other apps call `begin`, `call` or `complete`, which apply every rule: scope,
check of the body, access, rate limits, usage. `read_request` makes a request of a body.
"""

from providers.relay.calls import begin, call, check, check_room, complete
from providers.relay.request import RelayRequest, read_on_loop, read_request
from providers.relay.response import RelayResponse

__all__ = [
    "RelayRequest",
    "RelayResponse",
    "begin",
    "call",
    "check",
    "check_room",
    "complete",
    "read_on_loop",
    "read_request",
]
