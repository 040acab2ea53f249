"""What the calls of a period add up to, by person, group, API key, model or connection, beside the period before."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from providers.models import ClientKey, Connection
from providers.relay import own_usage
from providers.relay.usage import totals
from providers.relay.usage.totals import Total

MOST_DAYS = 3660  # of a period: ten years


# --- periods ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """Days of the site's time zone, both included."""

    start: date
    end: date

    @classmethod
    def of(cls, first: str, last: str) -> "ReportPeriod":
        """The period of a query; the last 30 days unless it names some. Raises BadRequest."""
        return cls(*own_usage.days_between(first, last, MOST_DAYS))

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def before(self) -> "ReportPeriod":
        """As many whole months before this one if it is made of whole months, else as many days."""
        end = self.start - timedelta(days=1)
        next_day = self.end + timedelta(days=1)
        if self.start.day == 1 and next_day.day == 1:
            months = 12 * (next_day.year - self.start.year) + next_day.month - self.start.month
            return ReportPeriod(_months_back(self.start, months), end)
        return ReportPeriod(self.start - timedelta(days=self.days), end)


def _months_back(day: date, months: int) -> date:
    year, month = divmod(12 * day.year + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def quick_choices() -> list[tuple[str, ReportPeriod]]:
    """Periods that are chosen often, with their words."""
    today = timezone.localdate()
    month = today.replace(day=1)
    return [
        (_("Today"), ReportPeriod(today, today)),
        (_("Last 7 days"), ReportPeriod(today - timedelta(days=6), today)),
        (_("Last 30 days"), ReportPeriod(today - timedelta(days=29), today)),
        (_("This month"), ReportPeriod(month, today)),
        (_("Last month"), ReportPeriod(_months_back(month, 1), month - timedelta(days=1))),
        (_("This year"), ReportPeriod(date(today.year, 1, 1), today)),
        (_("Last 12 months"), ReportPeriod(_months_back(month, 12), month - timedelta(days=1))),
    ]


# --- what totals are told by ------------------------------------------------------------------------------------------

NONE = ""  # the member of calls without a group, key or connection
Names = dict[Any, tuple[str, str]]  # of members: name, and what tells it from others of that name


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing by which totals are told apart. `columns` of both tables say which members a call counts for."""

    label: Promise | str
    columns: tuple[str, ...]
    members: Callable[..., Iterable[Any]]  # of the values of the columns; ids of rows are int
    names: Callable[[set[int]], Names] | None = None  # of ids; None: members are names
    without: Promise | str = ""  # the words for `NONE`


def _people(ids: set[int]) -> Names:
    users = get_user_model()._default_manager.in_bulk(list(ids))
    return {pk: (getattr(user, "name", "") or user.email, user.email) for pk, user in users.items()}


def _keys(ids: set[int]) -> Names:
    keys = ClientKey.objects.select_related("user").in_bulk(list(ids))
    return {pk: (key.lasting_name, key.user.email) for pk, key in keys.items()}


def _connections(ids: set[int]) -> Names:
    return {pk: (row.name, row.base_url) for pk, row in Connection.objects.in_bulk(list(ids)).items()}


def row_or_name(pk: int | None, name: str) -> int | str:
    """The member for a row that a call names, or for the name of a deleted one."""
    return name if pk is None else pk


def person_or_groups(pk: int | None, groups: str) -> int | tuple[str, ...]:
    """The member for a person, or for the deleted people of some groups."""
    return tuple(groups.split("\n")) if pk is None else pk


DIMENSIONS = {
    "person": Dimension(
        gettext_lazy("Person"), ("user_id", "groups"), lambda pk, groups: [person_or_groups(pk, groups)], _people
    ),
    "group": Dimension(
        gettext_lazy("Group"), ("groups",), lambda groups: groups.split("\n"), without=gettext_lazy("No group")
    ),
    "key": Dimension(
        gettext_lazy("API key"),
        ("key_id", "key_name"),
        lambda pk, name: [row_or_name(pk, name)],
        _keys,
        gettext_lazy("Without an API key"),
    ),
    "model": Dimension(gettext_lazy("Model"), ("model",), lambda model: [model]),
    "connection": Dimension(
        gettext_lazy("Connection"),
        ("connection_id", "connection_name"),
        lambda pk, name: [row_or_name(pk, name)],
        _connections,
        gettext_lazy("Without a connection"),
    ),
}


def name_of(member: Any, names: Names, dimension: Dimension) -> tuple[str, str]:
    """The name of a member, and what tells it from others of that name."""
    if isinstance(member, tuple):
        return _("Deleted user"), ", ".join(filter(None, member))
    if isinstance(member, int):
        return names.get(member, (_("deleted meanwhile"), ""))
    if member == NONE:
        return str(dimension.without) or "–", ""
    return member, _("deleted") if dimension.names else ""


# --- the report -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ReportLine:
    """The totals of one member in the period, and in the one before."""

    member: Any
    now: Total = field(default_factory=Total)
    before: Total = field(default_factory=Total)
    name: str = ""
    detail: str = ""


def lines(dimension: Dimension, period: ReportPeriod) -> list[ReportLine]:
    """A line for each member, what costs most first, without names. Two queries.

    A call counts for each group of its person: the lines of groups may add up to more than all calls.
    """
    result: dict[Any, ReportLine] = {}
    for span, name in ((period, "now"), (period.before(), "before")):
        for values, total in totals.grouped(dimension.columns, span.start, span.end).items():
            for member in dimension.members(*values):
                getattr(result.setdefault(member, ReportLine(member)), name).add(total)
    return sorted(result.values(), key=_weight, reverse=True)


def _weight(line: ReportLine) -> tuple[Decimal, int, Decimal, int, str]:
    now, before = line.now, line.before
    return (now.cost or totals.ZERO, now.calls, before.cost or totals.ZERO, before.calls, str(line.member))


def with_names(some: list[ReportLine], dimension: Dimension) -> Iterator[ReportLine]:
    """The lines with their names. A query for a bounded number of lines."""
    ids = {line.member for line in some if isinstance(line.member, int)}
    names = dimension.names(ids) if dimension.names else {}
    for line in some:
        line.name, line.detail = name_of(line.member, names, dimension)
        yield line


def by_day(period: ReportPeriod) -> dict[date, Total]:
    """The totals of the days of the period and of the one before, those with calls. One query."""
    rows = totals.grouped((totals.DAY,), period.before().start, period.end)
    return {day: total for (day,), total in rows.items()}


def unpriced_models(period: ReportPeriod) -> list[tuple[str, int]]:
    """Models that were used without a known price, with the number of such calls. One query."""
    rows = totals.grouped(("model",), period.start, period.end)
    return sorted(((model, row.unpriced) for (model,), row in rows.items() if row.unpriced), key=lambda pair: -pair[1])


def difference(now: Decimal | int | None, before: Decimal | int | None) -> Decimal | None:
    """By how many per cent a number is above (or below) the one before; None where that cannot be said."""
    return None if now is None or not before else (Decimal(now) - before) / before * 100
