"""What the usage records say was used in a period: where counters begin after a restart."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum

from providers import units
from providers.models import UsageRecord
from providers.relay import usage
from providers.relay.budgets.accounts import Account
from providers.relay.budgets.periods import moment

SUMS = {units.TOKENS: Sum("tokens_in") + Sum("tokens_out"), units.PICTURES: Sum("images"), units.MONEY: Sum("cost")}


def load(accounts: Iterable[Account]) -> dict[str, int]:
    """The totals of counters by key, in the smallest units. Reads rows; what this process has queued is written first.

    Calls without a known cost count as no money.
    """
    usage.flush()
    return {account.key: _total(account) for account in accounts}


def _total(account: Account) -> int:
    budget = account.budget
    rows: Any = (
        UsageRecord.objects.filter(_of(account), when__gte=moment(account.period.start))
        .order_by()
        .values("model")
        .annotate(**{budget.unit: SUMS[budget.unit]})
    )
    used = [row[budget.unit] for row in rows if budget.counts(row["model"])]
    return sum(units.smallest(budget.unit, Decimal(amount or 0)) for amount in used)


def _of(account: Account) -> Q:
    """The records that count in a counter. A group's are those of its members of today."""
    budget = account.budget
    match budget.target:
        case "key":
            return Q(key_id=budget.target_id)
        case "group":
            return Q(user__groups=budget.target_id)
        case "site":
            return Q()
    return Q(user_id=account.caller.user_id)
