"""What a call will use, by what can be known at its start.

An estimate only has to be of the right size: what a call really used replaces it at the end.
"""

import time
from collections.abc import Mapping
from typing import Any

from providers import pricing, units
from providers.facts import Route, Snapshot
from providers.relay.budgets.holds import Used

TYPICAL_OUTPUT = 1000  # tokens, where a request does not limit its answer
MOST_OUTPUT = 16_384  # tokens: a request may not reserve a whole group's budget with a number
MOST_INPUT = 100_000  # tokens: pictures in a message are many bytes and few tokens
LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
TEXTS = ("messages", "input", "prompt", "instructions", "system", "documents", "query")


def of_call(snapshot: Snapshot, route: Route, payload: Mapping[str, Any], raw: Any, *, writes: bool) -> Used:
    """The estimate for a call of a model. `writes`: whether it has an answer in tokens."""
    sent, written = input_tokens(raw, payload), output_tokens(payload) if writes else 0
    cost = None
    if any(row.unit == units.MONEY for row in snapshot.budgets):
        cost = pricing.estimate(
            snapshot,
            route.counted_as,
            route.sources[0],
            when=time.time(),
            tokens_in=sent,
            tokens_out=written,
            characters=len(text) if isinstance(text := payload.get("input"), str) else 0,
        )
    return Used(sent + written, cost=cost)


def input_tokens(raw: Any, payload: Mapping[str, Any]) -> int:
    """A token for four bytes of the request. Of a form only its fields count: its files are of other units."""
    if isinstance(raw, bytes):
        size = len(raw)
    else:
        size = 0
        pending: list[Any] = [payload.get(name) for name in TEXTS]
        while pending and size < MOST_INPUT * units.BYTES_PER_TOKEN:
            value = pending.pop()
            if isinstance(value, str):
                size += len(value)
            elif isinstance(value, Mapping):
                pending.extend(value.values())
            elif isinstance(value, list | tuple):
                pending.extend(value)
    return min(size // units.BYTES_PER_TOKEN, MOST_INPUT)


def output_tokens(payload: Mapping[str, Any]) -> int:
    """As many as the request allows, else a typical number."""
    for name in LIMITS:
        value = payload.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return min(value, MOST_OUTPUT)
    return TYPICAL_OUTPUT
