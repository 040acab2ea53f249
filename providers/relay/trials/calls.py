"""The calls of the last days that a row may concern, as the usage records tell them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from providers.facts import Caller
from providers.models import UsageRecord
from providers.relay import usage
from providers.relay.budgets import Used

MOST_CALLS = 50_000  # that are looked at: some seconds of work
COLUMNS = ("when", "duration_ms", "user_id", "key_id", "model", "tokens_in", "tokens_out", "images", "cost")


@dataclass(frozen=True, slots=True)
class PastCall:
    """One call. Times are seconds since the epoch."""

    begins: float
    ends: float
    user_id: int | None
    key_id: int | None
    model: str
    used: Used


def since(moment: datetime, of: Q) -> tuple[list[PastCall], bool]:
    """The newest calls since a moment, at most `MOST_CALLS`, and whether these are all. One query."""
    usage.flush()
    rows: Any = (
        UsageRecord.objects.filter(of, when__gte=moment)
        .order_by("-when")
        .values_list(*COLUMNS)[: MOST_CALLS + 1]
        .iterator(chunk_size=2000)
    )
    calls = [_call(*row) for row in rows]
    return calls[:MOST_CALLS], len(calls) <= MOST_CALLS


def _call(
    when: datetime,
    milliseconds: int,
    user_id: int | None,
    key_id: int | None,
    model: str,
    sent: int,
    written: int,
    pictures: int,
    cost: Decimal | None,
) -> PastCall:
    ends = when.timestamp()
    return PastCall(ends - milliseconds / 1000, ends, user_id, key_id, model, Used(sent + written, pictures, cost))


def in_order(calls: list[PastCall]) -> Iterator[tuple[float, bool, int]]:
    """The beginnings and ends of calls: when, whether it is a beginning, and the index of the call."""
    moments = [(call.begins, True, index) for index, call in enumerate(calls)]
    moments += [(call.ends, False, index) for index, call in enumerate(calls)]
    # What ends at the moment when another begins has been counted by then; a call of no length begins first.
    return iter(sorted(moments, key=lambda moment: (moment[0], moment[1] and calls[moment[2]].ends > moment[0])))


def of_target(target: str, target_id: int | None) -> Q:
    """The records of the callers that a row with this target concerns. A group's are those of its members of today."""
    match target:
        case "key":
            return Q(key_id=target_id)
        case "user":
            return Q(user_id=target_id)
        case "group":
            return Q(user__groups=target_id)
        case "everyone":
            return Q(user__isnull=False)
    return Q()


def caller_of(call: PastCall, target: str, target_id: int | None) -> Caller:
    """Who called, as far as the targets of rows need to know: of groups the one that the row is for."""
    groups = frozenset([target_id]) if target == "group" and target_id is not None else frozenset[int]()
    return Caller(call.user_id or 0, "", "", "user", group_ids=groups, key_id=call.key_id)
