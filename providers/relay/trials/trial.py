"""The trials. The calls are made once more in the mind: with the counters and rules that decide about real ones.

Other rows are as they are now, so a row that a more specific one replaces stops nobody there. What calls under way had
reserved is not known any more: a call is stopped where what had ended before it used the rest.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Sum

from providers import units
from providers.facts import BudgetFacts, Caller, RateLimitFacts
from providers.models import UsageRecord
from providers.relay import rate_limits, targets
from providers.relay.budgets import totals
from providers.relay.budgets.accounts import accounts_for
from providers.relay.budgets.counters import Ask, Count, is_over
from providers.relay.budgets.periods import Span, moment, period_at
from providers.relay.trials import calls as past
from providers.relay.trials.calls import PastCall
from providers.relay.trials.report import DAYS, Tally, Trial
from providers.relay.usage.totals import Total, grouped, midnight

Key = tuple[str, int]  # the name of a counter of a budget, and the start of its period


def of_rate_limit(row: RateLimitFacts, others: Iterable[RateLimitFacts]) -> Trial:
    """What a rate limit would have stopped; `others` are the rows that count beside it. Three queries."""
    rows = [row, *(other for other in others if other.id != row.id)]
    counters = rate_limits.ProcessCounters()
    known: dict[tuple[int | None, int | None], list[rate_limits.Bucket]] = {}

    def buckets_of(call: PastCall) -> list[rate_limits.Bucket]:
        key = (call.user_id, call.key_id)
        if key not in known:
            caller = past.caller_of(call, row.target, row.target_id)
            name = targets.counter_of(row, caller)
            known[key] = [bucket for bucket in rate_limits.buckets_for(caller, rows) if bucket.name == name]
        return known[key]

    def begin(call: PastCall) -> bool | None:
        buckets = buckets_of(call)
        if not buckets:
            return None
        counts = counters.count(buckets, call.begins)
        return not any(rate_limits.is_over(bucket, used) for bucket, used in zip(buckets, counts, strict=True))

    def end(call: PastCall) -> None:
        tokens = [bucket for bucket in buckets_of(call) if bucket.counts == "tokens"]
        counters.add(tokens, call.used.tokens, call.ends)

    calls, since = _calls(row.target, row.target_id)
    return _replayed(calls, begin, end).report(since)


def of_budget(row: BudgetFacts, others: Iterable[BudgetFacts]) -> Trial:
    """What a budget would have stopped; `others` are the rows that count beside it. Five queries."""
    calls, since = _calls(row.target, row.target_id)
    spent = _spent_before(row, calls[-1].ends) if calls else {}
    rows = [row, *(other for other in others if other.id != row.id)]
    known: dict[tuple[int | None, int | None, str, int], tuple[Key, Ask] | None] = {}
    period = Span(0, 0)

    def counter_of(call: PastCall, now: float) -> tuple[Key, Ask] | None:
        nonlocal period
        if not period.start <= now < period.end:
            period = period_at(row.period, now)
        key = (call.user_id, call.key_id, call.model, period.start)
        if key not in known:
            caller = past.caller_of(call, row.target, row.target_id)
            account = next((own for own in accounts_for(caller, rows, now, call.model) if own.budget is row), None)
            known[key] = ((account.name, period.start), Ask(account, 0, 1)) if account is not None else None
        return known[key]

    def begin(call: PastCall) -> bool | None:
        counted = counter_of(call, call.begins)
        if counted is None:
            return None
        counter, ask = counted
        if row.unit == units.PICTURES:  # all pictures of a call have to be left
            if not call.used.pictures:
                return True
            ask = ask._replace(need=call.used.pictures)
        return not is_over(ask, Count(spent.get(counter, 0), 0))

    def end(call: PastCall) -> None:
        counted = counter_of(call, call.ends)
        if counted is not None:
            spent[counted[0]] = spent.get(counted[0], 0) + call.used.of(row.unit)

    return _replayed(calls, begin, end).report(since)


def _calls(target: str, target_id: int | None) -> tuple[list[PastCall], datetime | None]:
    start = datetime.fromtimestamp(time.time(), UTC) - timedelta(days=DAYS)
    calls, are_all = past.since(start, past.of_target(target, target_id))
    return calls, None if are_all else moment(int(calls[-1].ends))


def _replayed(
    calls: list[PastCall], begin: Callable[[PastCall], bool | None], end: Callable[[PastCall], None]
) -> Tally:
    """`begin` says whether a call may begin, None where the row does not concern it; `end` counts what it used."""
    tally, admitted = Tally(), set[int]()
    for _when, begins, index in past.in_order(calls):
        call = calls[index]
        if begins:
            may_begin = begin(call)
            if may_begin is not None:
                tally.add(call, is_stopped=not may_begin)
                if may_begin:
                    admitted.add(index)
        elif index in admitted:
            end(call)
    return tally


def _spent_before(row: BudgetFacts, first: float) -> dict[Key, int]:
    """What was spent in the period of the oldest of the calls before it, by counter. Two queries."""
    period, oldest = period_at(row.period, first), moment(int(first))
    begins, day = moment(period.start).date(), oldest.date()
    concerned, names = past.of_target(row.target, row.target_id), ("user_id", "model")
    used = Counter[tuple[int | None, str]]()
    if begins < day:
        for (user_id, model), total in grouped(names, begins, day - timedelta(days=1), of=concerned).items():
            used[user_id, model] += totals.amount_of(row.unit, total)
    same_day: Any = (
        UsageRecord.objects.filter(concerned, when__gte=midnight(day), when__lt=datetime.fromtimestamp(first, UTC))
        .order_by()
        .values(*names)
        .annotate(sent=Sum("tokens_in"), received=Sum("tokens_out"), pictures=Sum("images"), money=Sum("cost"))
    )
    for record in same_day:
        total = Total(
            tokens_in=record["sent"],
            tokens_out=record["received"],
            pictures=record["pictures"],
            cost=record["money"],
        )
        used[record["user_id"], record["model"]] += totals.amount_of(row.unit, total)
    spent: dict[Key, int] = {}
    groups = frozenset([row.target_id or 0])
    for (user_id, model), amount in used.items():
        if row.counts(model):
            caller = Caller(user_id or 0, "", "", "user", group_ids=groups, key_id=row.target_id)
            counter = (targets.counter_of(row, caller), period.start)
            spent[counter] = spent.get(counter, 0) + amount
    return spent
