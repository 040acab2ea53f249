"""Who serves next: the order in which one call tries the sources of its model. Decided here, when the call begins."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from providers.catalogue import health
from providers.facts import ConnectionFacts


class Candidate(Protocol):
    """Something that one connection can serve."""

    @property
    def connection(self) -> ConnectionFacts: ...


C = TypeVar("C", bound=Candidate)


def in_order(candidates: Sequence[C]) -> Sequence[C]:
    """The candidates as they stand, those whose connection is resting last; the same object when none rests."""
    if len(candidates) < 2 or not any(health.is_resting(candidate.connection.id) for candidate in candidates):
        return candidates
    return sorted(candidates, key=lambda candidate: health.is_resting(candidate.connection.id))
