"""Lists that grow as one scrolls: pages of rows, newest first. A cursor names the last row of the page before."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

Row = TypeVar("Row", bound=Model)


def page_of(
    rows: QuerySet[Row],
    cursor: str,
    *,
    by: str,
    size: int,
    group: Callable[[Row], object] = lambda row: row.pk,
    spare: int = 0,
    oldest_first: bool = False,
) -> tuple[list[Row], str]:
    """A page of `rows` by the column `by`, newest or `oldest_first`, and the cursor of the next page, empty at the end.

    One query. `cursor` is what the page before returned; the first page comes for an empty or a malformed one.
    Neighbours of one `group` are on one page, which has up to `spare` rows more than `size` for that.
    """
    sign, after = ("", "gt") if oldest_first else ("-", "lt")
    rows = rows.order_by(f"{sign}{by}", f"{sign}pk")
    if end := parsed(cursor):
        moment, pk = end
        rows = rows.filter(Q(**{f"{by}__{after}": moment}) | Q(**{by: moment, f"pk__{after}": pk}))
    fetched = list(rows[: size + spare + 1])
    count = size
    while count < min(len(fetched), size + spare) and group(fetched[count]) == group(fetched[count - 1]):
        count += 1
    page = fetched[:count]
    if len(fetched) == len(page):
        return page, ""
    last: Any = page[-1]
    return page, f"{getattr(last, by).isoformat()}_{last.pk}"


def parsed(cursor: str) -> tuple[datetime, UUID] | None:
    """Time and id of the last row of the page before; None for no cursor, or a malformed one."""
    moment, _separator, pk = cursor.rpartition("_")
    try:
        parsed_moment = datetime.fromisoformat(moment)
        return (parsed_moment, UUID(pk)) if timezone.is_aware(parsed_moment) else None
    except ValueError:
        return None
