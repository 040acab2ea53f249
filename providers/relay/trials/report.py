"""What a trial tells: how many calls would have been stopped, and whose."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from providers.models import ClientKey
from providers.relay.budgets.periods import moment
from providers.relay.trials.calls import PastCall

DAYS = 7
MOST_LINES = 20  # people and keys that are named


@dataclass(frozen=True, slots=True)
class Line:
    """The calls of one person by one key, or in the browser."""

    person: str  # "" for somebody who was deleted
    key: str  # its name; "" without one
    calls: int
    stopped: int
    first: datetime  # the first call that would have been stopped


@dataclass(frozen=True, slots=True)
class Trial:
    """What would have been stopped of the calls that a row concerns."""

    calls: int
    stopped: int
    people: int  # whose calls would have been stopped
    lines: list[Line]  # most stopped calls first, at most `MOST_LINES`
    more: int  # lines that are left out
    since: datetime | None  # from when on calls were looked at, where there were too many; None: all `DAYS` days


@dataclass(slots=True)
class _Count:
    calls: int = 0
    stopped: int = 0
    first: float = 0.0


@dataclass(slots=True)
class Tally:
    """Counts calls by person and key."""

    counts: dict[tuple[int | None, int | None], _Count] = field(default_factory=dict)

    def add(self, call: PastCall, *, is_stopped: bool) -> None:
        count = self.counts.setdefault((call.user_id, call.key_id), _Count())
        count.calls += 1
        if is_stopped:
            count.stopped += 1
            count.first = count.first or call.begins

    def report(self, since: datetime | None) -> Trial:
        """Two queries, for the names."""
        stopped = [(owner, count) for owner, count in self.counts.items() if count.stopped]
        stopped.sort(key=lambda pair: (-pair[1].stopped, pair[1].first))
        shown = stopped[:MOST_LINES]
        people = _names(get_user_model()._default_manager, {user for (user, _key), _count in shown})
        keys = _names(ClientKey.objects, {key for (_user, key), _count in shown})
        return Trial(
            calls=sum(count.calls for count in self.counts.values()),
            stopped=sum(count.stopped for _owner, count in stopped),
            people=len({user for (user, _key), _count in stopped}),
            lines=[
                Line(people.get(user, ""), keys.get(key, ""), count.calls, count.stopped, moment(int(count.first)))
                for (user, key), count in shown
            ],
            more=len(stopped) - len(shown),
            since=since,
        )


def _names(rows: Any, ids: set[int | None]) -> dict[int | None, str]:
    known = ids - {None}
    return {row.pk: str(row) for row in rows.filter(pk__in=known)} if known else {}
