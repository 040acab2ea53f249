"""A check that a list's number of queries does not grow with its rows."""

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext


def assert_queries_do_not_grow(visit: Callable[[], object], grow: Callable[[], object]) -> None:
    """Call `visit`, `grow` the data, visit again: the second visit may not run more queries than the first.

    The first visit of all is not counted: it fills caches (content types, the site's own settings).
    """
    visit()
    before = _queries_of(visit)
    grow()
    after = _queries_of(visit)
    grown = len(after) - len(before)
    assert grown <= 0, f"{grown} more queries after the data grew:\n" + "\n".join(after)


def _queries_of(visit: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        visit()
    return [query["sql"] for query in captured.captured_queries]
