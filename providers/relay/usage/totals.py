"""What calls add up to: usage records, and the totals of those that were deleted, without counting a call twice."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Count, Expression, F, Q, Sum
from django.db.models.functions import Cast, Substr
from django.utils import timezone
from django.utils.translation import gettext as _

from providers.models import UsageRecord, UsageTotal
from providers.relay.usage.call_usage import CLIENT_LEFT

HOUR, MINUTE = len("2026-11-30 07"), len("2026-11-30 07:00")
DAY = "day"  # of the site's time zone
ZERO = Decimal(0)

FAILED = Q(status__gte=400) & ~Q(status=CLIENT_LEFT)
USED_SOMETHING = (
    Q(tokens_in__gt=0) | Q(tokens_out__gt=0) | Q(images__gt=0) | Q(characters__gt=0) | Q(seconds__gt=0)
)  # fmt: skip
AT_A_PROVIDER = Q(connection__isnull=False) | ~Q(connection_name="")
UNPRICED = Q(cost=None, status__lt=400) & AT_A_PROVIDER & USED_SOMETHING  # its cost is unknown


@dataclass(slots=True)
class Total:
    """The sum of some calls; `cost` in US dollars of those whose price is known, None where that is none of them."""

    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    pictures: int = 0
    characters: int = 0
    seconds: Decimal = ZERO
    cost: Decimal | None = None
    unpriced: int = 0  # calls of unknown cost

    def add(self, other: "Total") -> None:
        for name in MEMBERS:
            mine, more = getattr(self, name), getattr(other, name)
            setattr(self, name, more if mine is None else mine + (more or 0))


MEMBERS = tuple(field.name for field in fields(Total))
WHOLE_NUMBERS = frozenset(MEMBERS) - {"seconds", "cost"}
COLUMNS = {"pictures": "images"}  # of members whose column has another name
COUNTS = {"calls": Count("pk"), "failed": Count("pk", filter=FAILED), "unpriced": Count("pk", filter=UNPRICED)}


def grouped(names: tuple[str, ...], start: date, end: date | None = None, of: Q | None = None) -> dict[Any, Total]:
    """The totals of the days from `start` to `end`, both included and of the site's time zone, by the columns `names`.

    A key is the tuple of their values; `DAY` is a date. `of` chooses calls by columns that both tables have.

    One statement reads both tables: a call that moves from one to the other meanwhile is counted once.
    """
    of = of or Q()
    records, totals = UsageRecord.objects.filter(of), UsageTotal.objects.filter(of, day__gte=start)
    records = records.filter(when__gte=midnight(start))
    if end is not None:
        records, totals = records.filter(when__lt=midnight(end + timedelta(days=1))), totals.filter(day__lte=end)
    zone = timezone.get_default_timezone()
    offset = midnight(start).utcoffset() or timedelta(0)
    width = HOUR if offset % timedelta(hours=1) == timedelta(0) else MINUTE
    # The database groups by hours of UTC as they are stored, because cutting dates takes SQLite ten times as long.
    hour = Substr(Cast("when", CharField()), 1, width)
    whole = Cast("day", CharField())
    rows = _summed(records, names, hour, COUNTS).union(
        _summed(totals, names, whole, {name: Sum(name) for name in COUNTS}), all=True
    )
    result: dict[Any, Total] = {}
    for row in rows:
        values = [row[f"by_{name}"] for name in names]
        if DAY in names:
            index = names.index(DAY)
            values[index] = _day(values[index], zone)
        result.setdefault(tuple(values), Total()).add(_total(row))
    return result


def _summed(rows: Any, names: tuple[str, ...], day: Expression, counts: dict[str, Any]) -> Any:
    """The rows' sums, as values `by_NAME` and `sum_MEMBER`."""
    columns = {f"by_{name}": day if name == DAY else F(name) for name in names}
    sums = {
        f"sum_{name}": counts[name] if name in counts else Sum(COLUMNS.get(name, name)) for name in MEMBERS
    }  # fmt: skip
    return rows.order_by().annotate(**columns).values(*columns).annotate(**sums)


def _total(row: dict[str, Any]) -> Total:
    values = {name: row[f"sum_{name}"] for name in MEMBERS}
    numbers = {name: int(values[name] or 0) for name in WHOLE_NUMBERS}
    return Total(**numbers, seconds=values["seconds"] or ZERO, cost=values["cost"])


def _day(text: str, zone: Any) -> date:
    """The site's day of an hour or a minute of UTC, or of a day as it is."""
    if len(text) == len("2026-11-30"):
        return date.fromisoformat(text)
    hour = datetime.fromisoformat(text if len(text) == MINUTE else f"{text}:00").replace(tzinfo=UTC)
    return hour.astimezone(zone).date()


def summed(totals: Iterable[Total]) -> Total:
    result = Total()
    for total in totals:
        result.add(total)
    return result


def without_cost(total: Total) -> str:
    """What stands for the cost of calls of which none has one: unknown where one had a price that nobody knows."""
    return _("unknown") if total.unpriced else "–"


def midnight(day: date) -> datetime:
    """The beginning of a day in the site's time zone."""
    return datetime.combine(day, clock_time(), timezone.get_default_timezone())
