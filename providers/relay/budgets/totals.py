"""What the usage records say was used in a period: where counters begin after a restart."""

from collections.abc import Callable, Iterable
from datetime import date
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
# The column that says whose records count in a counter, by the target of its budget; without one, all do. The records
# of a group are those of its members of today.
OWNERS = {"key": "key_id", "group": "user__groups", "user": "user_id", "everyone": "user_id"}


def load(accounts: Iterable[Account]) -> dict[str, int]:
    """The totals of counters by key, in the smallest units. What this process has queued is written first.

    One statement reads those of one period and column of `OWNERS`, however many they are. Calls without a known cost
    count as no money.
    """
    usage.flush()
    alike: dict[tuple[str, int], list[Account]] = {}
    for account in accounts:
        alike.setdefault((OWNERS.get(account.budget.target, ""), account.period.start), []).append(account)
    loaded: dict[str, int] = {}
    for (column, start), some in alike.items():
        loaded |= _totals(some, column, moment(start).date())  # periods begin at midnight
    return loaded


def _totals(accounts: list[Account], column: str, first: date) -> dict[str, int]:
    owners = {account.key: _owner(account) for account in accounts}
    if column:
        used = grouped((column, "model"), first, of=Q(**{f"{column}__in": set(owners.values())}))
    else:
        used = {(None, *model): total for model, total in grouped(("model",), first).items()}
    return {
        account.key: sum(
            amount_of(account.budget.unit, total)
            for (owner, model), total in used.items()
            if owner == owners[account.key] and account.budget.counts(model)
        )
        for account in accounts
    }


def _owner(account: Account) -> int | None:
    """The value of the column of `OWNERS`; None where all records count."""
    budget = account.budget
    if budget.target in ("user", "everyone"):
        return account.caller.user_id
    return budget.target_id


def amount_of(unit: str, total: Total) -> int:
    """How much of a unit some calls used, in the smallest units."""
    return units.smallest(unit, AMOUNTS[unit](total))
