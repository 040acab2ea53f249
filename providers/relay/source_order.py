"""The order in which a call tries the sources of its model. It is decided here, when the call begins.

Whatever the order, sources that rest come last. The rules by name of `SourceOrder`:

- `position`: as the route lists them.
- `weights`: by chance. A source with the weight 3 is the first three times as often as one with the weight 1; those
  with the weight 0 follow after all others.
- `fewest`: by the number of calls that this process has in flight there; by chance among equals.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

from providers import runtime
from providers.catalogue import health
from providers.facts import ConnectionFacts
from providers.models import SourceOrder


class Candidate(Protocol):
    """What `in_order` sorts: a source, or an object with the same members."""

    @property
    def connection(self) -> ConnectionFacts: ...

    @property
    def upstream_id(self) -> str: ...

    @property
    def weight(self) -> int: ...


POSITION = SourceOrder.POSITION.value
C = TypeVar("C", bound=Candidate)


class InFlight:
    """The calls that this process has in flight, by connection and model there; only of models that are ordered by it.

    Calls begin and end on event loops. Where a process has several, a number may be off by a few: it is no limit.
    """

    def __init__(self) -> None:
        self.calls: Counter[tuple[int, str]] = Counter()

    def begin(self, candidate: Candidate) -> tuple[int, str]:
        """Count a call. Returns what `end` takes."""
        key = (candidate.connection.id, candidate.upstream_id)
        self.calls[key] += 1
        return key

    def end(self, key: tuple[int, str]) -> None:
        self.calls[key] -= 1
        if self.calls[key] <= 0:
            del self.calls[key]


def counts(order: str, candidates: Sequence[Candidate]) -> bool:
    """Whether calls to these candidates are to be counted in `InFlight`."""
    return order == SourceOrder.FEWEST and len(candidates) > 1


def in_order(candidates: Sequence[C], order: str = POSITION) -> Sequence[C]:
    """The candidates in this order, those that rest last; the same object where nothing changes."""
    if len(candidates) < 2:
        return candidates
    if order == SourceOrder.WEIGHTS:
        candidates = sorted(candidates, key=_drawn)
    elif order == SourceOrder.FEWEST:
        calls = runtime.state(InFlight).calls
        candidates = sorted(candidates, key=lambda source: (calls[source.connection.id, source.upstream_id], _chance()))
    if not any(map(_rests, candidates)):
        return candidates
    return sorted(candidates, key=_rests)


def _drawn(candidate: Candidate) -> float:
    """A random number, by whose order a source is the first with a chance in proportion to its weight.

    The smallest of exponential random numbers: https://en.wikipedia.org/wiki/Reservoir_sampling, "Algorithm A-Exp".
    """
    return -math.log(1.0 - _chance()) / candidate.weight if candidate.weight else math.inf


def _chance() -> float:
    return random.random()  # noqa: S311  it shares out work and keeps no secret


def _rests(candidate: Candidate) -> bool:
    return health.is_source_resting(candidate.connection.id, candidate.upstream_id)
