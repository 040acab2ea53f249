"""Ages of times that rows hold.

A clock that was wrong for a while leaves times behind that lie ahead of the right one. Nothing happens in the future:
such a time is as good as an old one, else it would look young until the clock has reached it, for days or years.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q


def is_old(moment: datetime, age: timedelta, now: datetime) -> bool:
    """Whether this time is further than `age` from `now`, in either direction."""
    return abs(now - moment) > age


def is_older(column: str, age: timedelta, now: Any) -> Q:
    """The rows of which `is_old` is true for their time in `column`; `now` may be the database's `Now()`."""
    return Q(**{f"{column}__lt": now - age}) | Q(**{f"{column}__gt": now + age})


def is_free(column: str, longest: timedelta, now: datetime) -> Q:
    """The rows without a claim: `column` says until when one lasts, which is `longest` from its beginning at most."""
    return Q(**{column: None}) | Q(**{f"{column}__lt": now}) | is_older(column, longest, now)
