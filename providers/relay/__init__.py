"""One call to a provider: the lane, the views, the rules for its payload, rate limits, usage."""

from providers.relay.calls import Ask, Reply, admit, ask_for, begin, call, complete

__all__ = [
    "Ask",
    "Reply",
    "admit",
    "ask_for",
    "begin",
    "call",
    "complete",
]
