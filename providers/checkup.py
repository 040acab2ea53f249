"""Everything that `check_connections` tests. Rooms above add their own kinds: `checkup.register(subjects_function)`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    words: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to test. `examine` blocks, may be called in any thread, and raises nothing of ours."""

    name: str
    examine: Callable[[], Finding]


def connection_subjects() -> list[Subject]:
    from providers.models import Connection  # late: apps register before anything else is needed

    return [_subject(row) for row in Connection.objects.filter(enabled=True)]


def _subject(row: Any) -> Subject:
    def examine() -> Finding:
        from providers import services

        tested = services.test_connection(row)
        return Finding(row.name, tested.ok, tested.words)

    return Subject(row.name, examine)


_kinds: list[Callable[[], Iterable[Subject]]] = [connection_subjects]


def register(subjects_of_a_kind: Callable[[], Iterable[Subject]]) -> None:
    """Have these tested too; called from an app's `ready()`."""
    if subjects_of_a_kind not in _kinds:
        _kinds.append(subjects_of_a_kind)


def subjects() -> list[Subject]:
    """Everything to test now, connections first."""
    return [subject for kind in _kinds for subject in kind()]
