"""What the usage records say was used in a period: where counters begin after a restart."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from django.db.models import Q

from providers import units
from providers.relay import usage
from providers.relay.budgets.accounts import Account
from providers.relay.budgets.periods import moment
from providers.relay.usage.totals import Total, grouped

AMOUNTS: dict[str, Callable[[Total], Decimal]] = {
    units.TOKENS: lambda total: Decimal(total.tokens_in + total.tokens_out),
    units.PICTURES: lambda total: Decimal(total.pictures),
    units.MONEY: lambda total: total.cost or Decimal(0),
}


def load(accounts: Iterable[Account]) -> dict[str, int]:
    """The totals of counters by key, in the smallest units. Reads rows; what this process has queued is written first.

    Calls without a known cost count as no money.
    """
    usage.flush()
    return {account.key: _total(account) for account in accounts}


def _total(account: Account) -> int:
    budget = account.budget
    rows = grouped(("model",), moment(account.period.start).date(), of=_of(account))  # periods begin at midnight
    amount = AMOUNTS[budget.unit]
    return sum(units.smallest(budget.unit, amount(total)) for (model,), total in rows.items() if budget.counts(model))


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
