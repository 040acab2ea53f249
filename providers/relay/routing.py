"""The order in which a call tries the sources of its model. It is decided here, when the call begins."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from providers.catalogue import health
from providers.facts import ConnectionFacts


class Candidate(Protocol):
    """A source, or something else with a connection."""

    @property
    def connection(self) -> ConnectionFacts: ...


C = TypeVar("C", bound=Candidate)


def in_order(candidates: Sequence[C]) -> Sequence[C]:
    """The candidates, those with a resting connection last; the same object where none rests."""
    if len(candidates) < 2 or not any(health.is_resting(candidate.connection.id) for candidate in candidates):
        return candidates
    return sorted(candidates, key=lambda candidate: health.is_resting(candidate.connection.id))
