"""What somebody used, by day and model, and what is left of their budgets: for the API and the page of settings."""

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format, number_format

from providers import catalogue, units
from providers.errors import BadRequest
from providers.facts import Caller, GatewayFacts
from providers.pricing import money
from providers.relay.budgets.accounts import PERIODS, UNITS, Account, accounts_for
from providers.relay.budgets.holds import counts_blocking
from providers.relay.budgets.periods import moment
from providers.relay.budgets.warnings import is_due, share
from providers.relay.usage import totals
from providers.relay.usage.own_records import own_records
from providers.relay.usage.totals import Total
from providers.sentences import sentence as _

DAYS = 30  # unless somebody asks for others
MOST_DAYS = 400
FIRST_YEAR, LAST_YEAR = 2000, 2999


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What is left of one budget of somebody's. `amount` and `spent` are in its unit, money in the shown currency."""

    name: str
    pattern: str
    target: str  # whose it is: see `providers.relay.targets`
    unit: str
    period: str
    amount: Decimal
    spent: Decimal
    share: int  # per cent
    is_due: bool  # whether people are to be warned
    is_spent: bool
    resets_at: datetime

    @property
    def left(self) -> Decimal:
        return max(Decimal(0), self.amount - self.spent)


def days_between(first: str, last: str, most: int = MOST_DAYS) -> tuple[date, date]:
    """The days of a query, of the site's time zone, both included; the last `DAYS` unless they are named. Not more
    than `most`.

    Raises BadRequest.
    """
    try:
        end = date.fromisoformat(last[:10]) if last else timezone.localdate()
        start = date.fromisoformat(first[:10]) if first else end - timedelta(days=DAYS - 1)
        length = (end - start).days
    except (ValueError, OverflowError) as error:
        raise BadRequest(_("Write “from” and “to” as days, such as 2026-11-30."), param="from") from error
    if not 0 <= length < most:
        raise BadRequest(_("Ask for 1 to %(most)d days.") % {"most": most}, param="from")
    if not FIRST_YEAR <= start.year <= end.year <= LAST_YEAR:
        words = _("Ask for days from %(first)d to %(last)d.") % {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise BadRequest(words, param="from")
    return start, end


def by_day_and_model(of: Q, start: date, end: date) -> dict[tuple[date, str], Total]:
    """The totals of some calls by day, of the site's time zone, and model; the newest day first."""
    rows = totals.grouped((totals.DAY, "model"), start, end, of)
    return dict(sorted(rows.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1])))


def budgets_of(caller: Caller, model: str | None = None, *, warning_only: bool = False) -> list[BudgetState]:
    """The state of the budgets that concern somebody, or their calls of this model, as the verbs of calls see it."""
    snapshot = catalogue.snapshot_blocking()
    accounts = accounts_for(caller, snapshot.budgets, time.time(), model)
    if warning_only:
        accounts = [account for account in accounts if account.budget.warn_from is not None and account.budget.amount]
    counts = counts_blocking(accounts)
    return [state_of(account, count.spent, snapshot.gateway) for account, count in zip(accounts, counts, strict=True)]


def warnings_of(caller: Caller) -> list[str] | None:
    """What pages say of the budgets of somebody's that are used up or nearly, the most pressing first.

    None where no budget warns anybody: no query is made then, and no page has to ask again.
    """
    snapshot = catalogue.snapshot_blocking()
    if not any(row.warn_from is not None for row in snapshot.budgets):
        return None
    states = [state for state in budgets_of(caller, warning_only=True) if state.is_due]
    states.sort(key=lambda state: state.share, reverse=True)
    return [_warning(state, snapshot.gateway.currency) for state in states]


def passed_by(caller: Caller, model: str, *, cost: Decimal | None, pictures: int) -> list[str]:
    """What is left of the budgets of money and pictures that a call of this model would pass, as sentences; `cost` in
    US dollars, None where it is unknown. No query without budgets.
    """
    snapshot = catalogue.snapshot_blocking()
    if not snapshot.budgets:
        return []
    needs = {units.MONEY: money.shown(cost, snapshot.gateway), units.PICTURES: Decimal(pictures)}
    return [
        _warning(state, snapshot.gateway.currency)
        for state in budgets_of(caller, model)
        if (needed := needs.get(state.unit)) is not None and needed > state.left
    ]


def _warning(state: BudgetState, currency: str) -> str:
    is_money = state.unit == units.MONEY
    values = {
        "name": f"{state.name} ({state.pattern})" if state.pattern else state.name,
        "left": number_format(state.left, 2 if is_money else 0, use_l10n=True, force_grouping=True),
        "amount": number_format(state.amount, 2 if is_money else 0, use_l10n=True, force_grouping=True),
        "unit": currency if is_money else UNITS[state.unit],
        "when": date_format(timezone.localtime(state.resets_at), "SHORT_DATETIME_FORMAT"),
    }
    if state.is_spent:
        return str(_("Budget “%(name)s”: all of %(amount)s %(unit)s is used up until %(when)s.") % values)
    return str(_("Budget “%(name)s”: %(left)s of %(amount)s %(unit)s are left until %(when)s.") % values)


def state_of(account: Account, spent: int, gateway: GatewayFacts) -> BudgetState:
    """The state of one budget; `spent` in the smallest units."""
    budget = account.budget
    rate = gateway.currency_rate if budget.unit == units.MONEY else Decimal(1)
    return BudgetState(
        name=budget.name
        or str(_("%(unit)s per %(period)s") % {"unit": UNITS[budget.unit], "period": PERIODS[budget.period]}),
        pattern=budget.pattern,
        target=budget.target,
        unit=budget.unit,
        period=budget.period,
        amount=units.amount_of(budget.unit, budget.amount) * rate,
        spent=units.amount_of(budget.unit, spent) * rate,
        share=share(account, spent),
        is_due=is_due(account, spent),
        is_spent=spent >= budget.amount,
        resets_at=moment(account.period.end),
    )


def of_caller(caller: Caller, start: date, end: date) -> dict[str, Any]:
    """The answer of `GET /api/v1/usage`."""
    gateway = catalogue.snapshot_blocking().gateway
    rows = by_day_and_model(own_records(caller), start, end)
    days, models = dict[date, Total](), dict[str, Total]()
    for (day, model), total in rows.items():
        days.setdefault(day, Total()).add(total)
        models.setdefault(model, Total()).add(total)

    def value(total: Total) -> dict[str, Any]:
        cost = money.shown(total.cost, gateway)
        values = {name: getattr(total, name) for name in totals.MEMBERS}
        return {**values, "seconds": float(total.seconds), "cost": None if cost is None else float(cost)}

    whole = totals.summed(rows.values())
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "days": [{"date": day.isoformat(), **value(total)} for day, total in sorted(days.items())],
        "models": [{"model": model, **value(total)} for model, total in sorted(models.items())],
        "cost": value(whole)["cost"] if whole.calls else 0.0,
        "currency": gateway.currency,
        "budgets": [
            {
                "name": state.name,
                "amount": float(state.amount),
                "spent": float(state.spent),
                "unit": state.unit,
                "period": state.period,
                "models": state.pattern,
                "warning": state.is_due,
                "resets_at": state.resets_at.isoformat(),
            }
            for state in budgets_of(caller)
        ],
    }
