"""The order in which a call tries the sources of its model. It is decided here, when the call begins."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from providers.catalogue import health
from providers.facts import ConnectionFacts


class Candidate(Protocol):
    """What `in_order` sorts: a source, or an object with the same members."""

    @property
    def connection(self) -> ConnectionFacts: ...

    @property
    def upstream_id(self) -> str: ...


C = TypeVar("C", bound=Candidate)


def in_order(candidates: Sequence[C]) -> Sequence[C]:
    """The candidates, those that rest last; the same object where none rests."""
    if len(candidates) < 2 or not any(map(_rests, candidates)):
        return candidates
    return sorted(candidates, key=_rests)


def _rests(candidate: Candidate) -> bool:
    return health.is_source_resting(candidate.connection.id, candidate.upstream_id)
