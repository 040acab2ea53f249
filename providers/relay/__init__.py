"""Calls to providers. Entrances call `begin`, `call` or `complete`, which hold every rule: scope, check of the body,
access, rate limits, usage. `ask_for` reads a request.
"""

from providers.relay.asks import Ask, ask_for
from providers.relay.calls import begin, call, complete
from providers.relay.replies import Reply

__all__ = [
    "Ask",
    "Reply",
    "ask_for",
    "begin",
    "call",
    "complete",
]
