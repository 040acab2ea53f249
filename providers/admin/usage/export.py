"""Totals as CSV, a piece at a time: amounts in the currency to show, cells that no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from providers.admin.usage.report import (
    DIMENSIONS,
    Dimension,
    ReportLine,
    ReportPeriod,
    difference,
    lines,
    name_of,
    person_or_groups,
    row_or_name,
    with_names,
)
from providers.facts import GatewayFacts
from providers.pricing import money
from providers.relay.usage import totals
from providers.relay.usage.totals import Total

MOST_ROWS = 200_000  # of a file
PIECE_ROWS = 500
DAYS_AT_ONCE = 7
DECIMALS = Decimal("0.0000000001")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BYTE_ORDER_MARK = "\ufeff"  # spreadsheets take the file for UTF-8 by it

SUMS = ("calls", "failed", "tokens_in", "tokens_out", "cached_tokens", "reasoning_tokens", "pictures", "characters")
CHANGES = ("calls_before", "calls_change_percent", "cost_before", "cost_change_percent")
COLUMNS = (*SUMS, "seconds", "cost", "currency", "calls_of_unknown_cost")


def table(name: str, period: ReportPeriod, gateway: GatewayFacts) -> Iterator[bytes]:
    """A row for each person, group, API key, model or connection (`name`), with the period before, in pieces."""
    dimension = DIMENSIONS[name]
    head = (
        "from",
        "to",
        name,
        "detail",
        *COLUMNS,
        "calls_before",
        "calls_change_percent",
        "cost_before",
        "cost_change_percent",
    )
    yield from _pieces(head, _table(dimension, period, gateway))


def _table(dimension: Dimension, period: ReportPeriod, gateway: GatewayFacts) -> Iterator[list[Any]]:
    rows = lines(dimension, period)
    for start in range(0, len(rows), PIECE_ROWS):
        for line in with_names(rows[start : start + PIECE_ROWS], dimension):
            yield [
                period.start,
                period.end,
                text(line.name),
                text(line.detail),
                *_numbers(line.now, gateway),
                *_change(line, gateway),
            ]


def _change(line: ReportLine, gateway: GatewayFacts) -> list[Any]:
    now, before = line.now, line.before
    return [
        before.calls,
        _percent(difference(now.calls, before.calls)),
        _amount(before.cost, gateway),
        _percent(difference(now.cost, before.cost)),
    ]


ALL = ("user_id", "groups", "key_id", "key_name", "model", "connection_id", "connection_name")


def by_day(period: ReportPeriod, gateway: GatewayFacts) -> Iterator[bytes]:
    """A row for each day, person, groups, API key, model and connection, in pieces. Some days are read at a time."""
    head = ("day", "person", "email", "groups", "key", "model", "connection", *COLUMNS)
    yield from _pieces(head, _by_day(period, gateway))


def _by_day(period: ReportPeriod, gateway: GatewayFacts) -> Iterator[list[Any]]:
    start = period.start
    while start <= period.end:
        end = min(start + timedelta(days=DAYS_AT_ONCE - 1), period.end)
        rows = totals.grouped((totals.DAY, *ALL), start, end)
        naming = Naming(rows)
        for values, total in sorted(rows.items(), key=lambda item: item[0][0]):
            day, user_id, groups, key_id, key_name, model, connection_id, connection_name = values
            person, email = naming.of("person", person_or_groups(user_id, groups))
            key, _owner = naming.of("key", row_or_name(key_id, key_name))
            server, _address = naming.of("connection", row_or_name(connection_id, connection_name))
            cells = (person, email if user_id else "", "; ".join(groups.split("\n")), key, model, server)
            yield [day, *map(text, cells), *_numbers(total, gateway)]
        start = end + timedelta(days=1)


class Naming:
    """The names of what some totals are of."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self.names: dict[str, Any] = {}
        rows = list(rows)
        for name, index in (("person", 1), ("key", 3), ("connection", 6)):
            read = DIMENSIONS[name].names
            ids = {row[index] for row in rows} - {None}
            self.names[name] = read(ids) if read else {}

    def of(self, name: str, member: Any) -> tuple[str, str]:
        return ("", "") if member == "" else name_of(member, self.names[name], DIMENSIONS[name])


# --- cells ------------------------------------------------------------------------------------------------------------


def text(value: str) -> str:
    """A text that a spreadsheet shows as it is."""
    return f"'{value}" if value.startswith(FORMULA) else value


def _numbers(total: Total, gateway: GatewayFacts) -> list[Any]:
    sums = [getattr(total, name) for name in SUMS]
    return [*sums, f"{total.seconds:f}", _amount(total.cost, gateway), gateway.currency, total.unpriced]


def _amount(cost: Decimal | None, gateway: GatewayFacts) -> str:
    """A plain decimal in the currency to show; empty where the cost is unknown."""
    amount = money.shown(cost, gateway)
    return "" if amount is None else f"{amount.quantize(DECIMALS).normalize():f}"


def _percent(value: Decimal | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _pieces(head: Iterable[str], rows: Iterator[list[Any]]) -> Iterator[bytes]:
    """The lines of a file, some at a time, none of the pieces empty."""
    buffer = io.StringIO(BYTE_ORDER_MARK)
    buffer.seek(0, io.SEEK_END)
    writer = csv.writer(buffer)
    writer.writerow(head)
    for number, row in enumerate(rows):
        if number == MOST_ROWS:
            writer.writerow([_("Only the first %(n)d rows. Choose a shorter period.") % {"n": MOST_ROWS}])
            break
        writer.writerow(row)
        if number % PIECE_ROWS == PIECE_ROWS - 1:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    if buffer.tell():
        yield buffer.getvalue().encode()
