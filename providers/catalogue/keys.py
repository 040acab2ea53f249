"""What a process knows of the keys of connections that have several: which rest, and which were refused.

A key whose rate limit is reached rests for its model; one that the provider refuses rests for all of them, and the row
says so to administrators. Resting refuses no call: where all keys rest, the one that rests the shortest is tried.
"""

import threading
import time
from collections import Counter

from providers import runtime
from providers.catalogue import health
from providers.facts import ConnectionFacts
from providers.fields import hint_of
from providers.models import Connection
from providers.process import background

EVERY_MODEL = ""


class Keys:
    """The turns and rests of this process; the times are on the monotonic clock."""

    def __init__(self) -> None:
        self.turns: Counter[int] = Counter()
        self.rests: dict[tuple[int, str, str], float] = {}  # until when, by connection, key and model there
        self.refused: set[tuple[int, str]] = set()
        self.lock = threading.Lock()


def in_turn(connection: ConnectionFacts, upstream_id: str, *, takes_turn: bool = True) -> list[str]:
    """The keys for a call in order: the one whose turn it is first, without those that rest; never none."""
    state = runtime.state(Keys)
    keys = [key for key in dict.fromkeys((connection.secret, *connection.more_keys)) if key]
    with state.lock:
        start = state.turns[connection.id] % len(keys)
        state.turns[connection.id] += takes_turn
    keys = keys[start:] + keys[:start]
    now = time.monotonic()
    until = {key: rest_of(connection.id, key, upstream_id) for key in keys}
    return [key for key in keys if until[key] <= now] or [min(keys, key=lambda key: until[key])]


def rest_of(connection_id: int, key: str, upstream_id: str) -> float:
    """Until when a key rests for a model, on the monotonic clock."""
    rests = runtime.state(Keys).rests
    return max(rests.get((connection_id, key, model), 0.0) for model in (upstream_id, EVERY_MODEL))


def rest(connection: ConnectionFacts, upstream_id: str, seconds: float | None) -> None:
    """Let the key of a call rest, whose rate limit is reached. When all rest, the source does."""
    _rest(connection, upstream_id, health.FIRST_PAUSE if seconds is None else seconds)


def refuse(connection: ConnectionFacts, error: BaseException) -> None:
    """Note that the provider refuses the key of a call."""
    state = runtime.state(Keys)
    _rest(connection, EVERY_MODEL, health.LONGEST_PAUSE)
    with state.lock:
        state.refused.add((connection.id, connection.secret))
    words = str(health.fault_columns(error)["last_error"])
    background.write(lambda: _write(connection.id, hint_of(connection.secret), words), what="a refused key")


def accepted(connection: ConnectionFacts) -> None:
    """Note that the provider answers to the key of a call."""
    state = runtime.state(Keys)
    if (connection.id, connection.secret) in state.refused:
        with state.lock:
            state.refused.discard((connection.id, connection.secret))
        background.write(lambda: _write(connection.id, hint_of(connection.secret), ""), what="an accepted key")


def _rest(connection: ConnectionFacts, upstream_id: str, seconds: float) -> None:
    state, now = runtime.state(Keys), time.monotonic()
    with state.lock:
        for old in [old for old, until in state.rests.items() if until <= now]:
            del state.rests[old]
        state.rests[connection.id, connection.secret, upstream_id] = now + min(seconds, health.LONGEST_PAUSE)
    keys = {connection.secret, *connection.more_keys} - {""}
    until = min(rest_of(connection.id, key, upstream_id) for key in keys)
    if until > now and upstream_id != EVERY_MODEL:
        health.rest_source(connection.id, upstream_id, until - now)


def _write(connection_id: int, mask: str, words: str) -> None:
    row = Connection.objects.filter(pk=connection_id).first()
    if row is not None:
        others = {name: text for name, text in row.key_faults.items() if name != mask}
        health.write_row(connection_id, key_faults={**others, mask: words} if words else others)
