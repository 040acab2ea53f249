"""The periods of budgets: calendar days, weeks (from Monday) and months in the site's time zone."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.utils import timezone


class Span(NamedTuple):
    """Seconds since the epoch; `end` is the start of the next one."""

    start: int
    end: int


def period_at(name: str, now: float) -> Span:
    """The period (day, week, month) that a moment is in."""
    zone = timezone.get_default_timezone()
    day = datetime.fromtimestamp(now, zone).date()
    if name == "day":
        first, last = day, day + timedelta(days=1)
    elif name == "week":
        first = day - timedelta(days=day.weekday())
        last = first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1)
    return Span(_midnight(first), _midnight(last))


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), timezone.get_default_timezone()).timestamp())


def moment(seconds: int) -> datetime:
    """A moment in the site's time zone."""
    return datetime.fromtimestamp(seconds, timezone.get_default_timezone())
