"""How many budgets are nearly spent, for metrics: of each person's budgets, those of how many people."""

import time
from collections import Counter
from collections.abc import Iterable

from providers import catalogue
from providers.facts import BudgetFacts, Caller
from providers.relay.budgets import totals
from providers.relay.budgets.accounts import Account
from providers.relay.budgets.holds import counts_blocking
from providers.relay.budgets.periods import moment, period_at
from providers.relay.targets import counter_of
from providers.relay.usage.totals import grouped

TARGETS = ("everyone", "user", "group", "key", "site")
MOST = 1000  # budgets that are looked at


def nearly_spent(per_cent: int) -> dict[str, int]:
    """The number of counters of which this share and more is used, by the target of their budgets.

    A query for each period of the budgets for each person; the others' counters are read as pages read them.
    """
    rows = [row for row in catalogue.snapshot_blocking().budgets if row.amount][:MOST]
    now = time.time()
    alone = [_account(row, now) for row in rows if row.target != "everyone"]
    numbers = Counter(
        account.budget.target
        for account, count in zip(alone, counts_blocking(alone), strict=True)
        if _is_reached(account.budget, count.spent, per_cent)
    )
    numbers["everyone"] = _people([row for row in rows if row.target == "everyone"], rows, now, per_cent)
    return {target: numbers[target] for target in TARGETS}


def _account(row: BudgetFacts, now: float) -> Account:
    """The only counter of a budget that has one."""
    whose = row.target_id or 0
    caller = Caller(whose, "", "", "user", group_ids=frozenset([whose]), key_id=whose)
    return Account(row, counter_of(row, caller), caller, period_at(row.period, now))


def _people(rows: list[BudgetFacts], others: Iterable[BudgetFacts], now: float, per_cent: int) -> int:
    number = 0
    for name in sorted({row.period for row in rows}):
        used = grouped(("user_id", "model"), moment(period_at(name, now).start).date())
        for row in rows:
            if row.period == name:
                spent = Counter[int | None]()
                for (user_id, model), total in used.items():
                    if user_id is not None and row.counts(model):
                        spent[user_id] += totals.amount_of(row.unit, total)
                own = {
                    other.target_id
                    for other in others
                    if other.target == "user" and _limits(other) == _limits(row)  # replaces it
                }
                number += sum(
                    _is_reached(row, amount, per_cent) for user_id, amount in spent.items() if user_id not in own
                )
    return number


def _limits(row: BudgetFacts) -> tuple[str, str, str]:
    return row.unit, row.period, row.pattern


def _is_reached(row: BudgetFacts, spent: int, per_cent: int) -> bool:
    return spent * 100 >= row.amount * per_cent
