"""What somebody used, by day and model, and what is left of their budgets: for the API and the page of settings."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Count, Q, QuerySet, Sum
from django.db.models.functions import Cast, Substr
from django.utils import timezone

from providers import catalogue, units
from providers.errors import BadRequest
from providers.facts import Caller, GatewayFacts
from providers.models import UsageRecord
from providers.relay.budgets.accounts import PERIODS, UNITS, Account, accounts_for
from providers.relay.budgets.holds import counts_blocking
from providers.relay.budgets.periods import moment
from providers.relay.budgets.warnings import is_due, share
from providers.relay.usage import CLIENT_LEFT
from providers.relay.usage.own_records import own_records
from providers.sentences import sentence as _

DAYS = 30  # unless somebody asks for others
MOST_DAYS = 400
HOUR, MINUTE = len("2026-11-30 07"), len("2026-11-30 07:00")


@dataclass(slots=True)
class Total:
    """The sum of some calls; `cost` in US dollars of those whose price is known, None where that is none of them."""

    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    pictures: int = 0
    cost: Decimal | None = None

    def add(self, other: "Total") -> None:
        for field in fields(self):
            mine, more = getattr(self, field.name), getattr(other, field.name)
            setattr(self, field.name, more if mine is None else mine + (more or 0))


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What is left of one budget of somebody's. `amount` and `spent` are in its unit, money in the shown currency."""

    name: str
    pattern: str
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


def days_between(first: str, last: str) -> tuple[date, date]:
    """The days of a query, of the site's time zone, both included; the last `DAYS` unless they are named.

    Raises BadRequest.
    """
    try:
        end = date.fromisoformat(last[:10]) if last else timezone.localdate()
        start = date.fromisoformat(first[:10]) if first else end - timedelta(days=DAYS - 1)
        length = (end - start).days
        _midnight(start), _midnight(end + timedelta(days=1))
    except (ValueError, OverflowError) as error:
        raise BadRequest(_("Write “from” and “to” as days, such as 2026-11-30."), param="from") from error
    if not 0 <= length < MOST_DAYS:
        raise BadRequest(_("Ask for 1 to %(most)d days.") % {"most": MOST_DAYS}, param="from")
    return start, end


def by_day_and_model(records: QuerySet[UsageRecord], start: date, end: date) -> dict[tuple[date, str], Total]:
    """The totals of records by day, of the site's time zone, and model; the newest day first.

    The database groups by hours of UTC as they are stored, because cutting dates takes SQLite ten times as long.
    """
    zone = timezone.get_default_timezone()
    offset = datetime.combine(start, clock_time(), zone).utcoffset() or timedelta(0)
    width = HOUR if offset % timedelta(hours=1) == timedelta(0) else MINUTE
    rows: Any = (
        records.filter(when__gte=_midnight(start), when__lt=_midnight(end + timedelta(days=1)))
        .order_by()
        .annotate(hour=Substr(Cast("when", CharField()), 1, width))
        .values("hour", "model")
        .annotate(
            calls=Count("pk"),
            failed=Count("pk", filter=Q(status__gte=400) & ~Q(status=CLIENT_LEFT)),
            sent=Sum("tokens_in"),
            received=Sum("tokens_out"),
            pictures=Sum("images"),
            money=Sum("cost"),
        )
    )
    totals: dict[tuple[date, str], Total] = {}
    for row in rows:
        hour = datetime.fromisoformat(row["hour"] if width == MINUTE else f"{row['hour']}:00").replace(tzinfo=UTC)
        total = totals.setdefault((hour.astimezone(zone).date(), row["model"]), Total())
        total.add(Total(row["calls"], row["failed"], row["sent"], row["received"], row["pictures"], row["money"]))
    return dict(sorted(totals.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1])))


def summed(totals: Iterable[Total]) -> Total:
    result = Total()
    for total in totals:
        result.add(total)
    return result


def budgets_of(caller: Caller) -> list[BudgetState]:
    """The state of the budgets that concern somebody now, as the verbs of calls see it."""
    snapshot = catalogue.snapshot_blocking()
    accounts = accounts_for(caller, snapshot.budgets, time.time())
    counts = counts_blocking(accounts)
    return [state_of(account, count.spent, snapshot.gateway) for account, count in zip(accounts, counts, strict=True)]


def state_of(account: Account, spent: int, gateway: GatewayFacts) -> BudgetState:
    """The state of one budget; `spent` in the smallest units."""
    budget = account.budget
    rate = gateway.currency_rate if budget.unit == units.MONEY else Decimal(1)
    return BudgetState(
        name=budget.name
        or str(_("%(unit)s per %(period)s") % {"unit": UNITS[budget.unit], "period": PERIODS[budget.period]}),
        pattern=budget.pattern,
        unit=budget.unit,
        period=budget.period,
        amount=units.amount_of(budget.unit, budget.amount) * rate,
        spent=units.amount_of(budget.unit, spent) * rate,
        share=share(account, spent),
        is_due=is_due(account, spent),
        is_spent=spent >= budget.amount,
        resets_at=moment(account.period.end),
    )


def shown(cost: Decimal | None, gateway: GatewayFacts) -> Decimal | None:
    """A cost in the currency to show."""
    return None if cost is None else cost * gateway.currency_rate


def of_caller(caller: Caller, start: date, end: date) -> dict[str, Any]:
    """The answer of `GET /api/v1/usage`."""
    gateway = catalogue.snapshot_blocking().gateway
    rows = by_day_and_model(UsageRecord.objects.filter(own_records(caller)), start, end)
    days, models = dict[date, Total](), dict[str, Total]()
    for (day, model), total in rows.items():
        days.setdefault(day, Total()).add(total)
        models.setdefault(model, Total()).add(total)

    def value(total: Total) -> dict[str, Any]:
        cost = shown(total.cost, gateway)
        values = {field.name: getattr(total, field.name) for field in fields(total)}
        return {**values, "cost": None if cost is None else float(cost)}

    whole = summed(rows.values())
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


def _midnight(day: date) -> datetime:
    return datetime.combine(day, clock_time(), timezone.get_default_timezone())
