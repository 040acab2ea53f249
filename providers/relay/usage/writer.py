"""Usage records: one row for each call, written behind (`providers.process.row_writer`)."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.dispatch import Signal

from providers import catalogue, pricing, runtime
from providers.errors import GatewayError
from providers.facts import Snapshot
from providers.models import ClientKey, Connection, UsageRecord
from providers.models.usage_records import MONEY_DIGITS, MONEY_PLACES
from providers.process.row_writer import RowWriter, existing
from providers.relay.usage import reported
from providers.relay.usage.call_usage import CallUsage

GROUPS_LENGTH = 500  # characters of the column

MAX_COST = Decimal(10) ** (MONEY_DIGITS - MONEY_PLACES)  # the column holds less

written = Signal()  # sent in the writer's thread with `calls`, the records that it has written

logger = logging.getLogger(__name__)


def record(usage: CallUsage) -> None:
    """Queue the usage of one call. Returns at once, from any thread or loop."""
    runtime.state(UsageWriter).add(usage)


def flush() -> None:
    """Write the queued records, in this thread."""
    runtime.state(UsageWriter).write()


class UsageWriter(RowWriter[CallUsage]):
    rows = "usage records"
    thread_name = "usage"

    def insert(self, batch: list[CallUsage]) -> None:
        _insert(batch)

    def has_written(self, batch: list[CallUsage]) -> None:
        written.send_robust(sender=UsageWriter, calls=batch)


def _insert(batch: list[CallUsage]) -> None:
    snapshot = _snapshot()
    for usage in batch:
        reported.read(usage)
        usage.cost = _cost(usage, snapshot)
    try:
        _write_rows(_rows(batch))
    except IntegrityError:
        _detach(batch)
        _write_rows(_rows(batch))


def _snapshot() -> Snapshot | None:
    """The configuration, read once for a batch; None where nobody can read it now."""
    try:
        return catalogue.snapshot_blocking()
    except GatewayError:
        return None


def _cost(usage: CallUsage, snapshot: Snapshot | None) -> Decimal | None:
    """In US dollars; None where it is unknown or impossible: no record is lost to a price."""
    try:
        cost = pricing.cost_of(usage, snapshot) if usage.cost is None else usage.cost
    except Exception:  # the outermost edge: prices come from rows, lists of providers and a package
        logger.exception("The cost of a call of %s cannot be computed", usage.model)
        return None
    return cost if cost is None or cost < MAX_COST else None


def _rows(batch: list[CallUsage]) -> list[list[Any]]:
    """The values for `COLUMNS`. Written for speed: every call of a model has a row."""
    ops, rows = connection.ops, []
    for usage in batch:
        row = list(_values(usage))
        for index, write in WRITTEN:
            row[index] = write(row[index], ops)
        rows.append(row)
    return rows


def _time(when: float, ops: BaseDatabaseOperations) -> Any:
    return ops.adapt_datetimefield_value(datetime.fromtimestamp(when, UTC))


def _money(cost: Decimal | None, ops: BaseDatabaseOperations) -> Any:
    return None if cost is None else ops.adapt_decimalfield_value(cost, MONEY_DIGITS, MONEY_PLACES)


def _seconds(seconds: Decimal, ops: BaseDatabaseOperations) -> Any:
    return ops.adapt_decimalfield_value(seconds, 12, 3) if seconds else 0


def _names(names: tuple[str, ...], ops: BaseDatabaseOperations) -> str:
    """A line for each name that fits as a whole."""
    if not names:
        return ""
    text = "\n".join(names)
    return text if len(text) <= GROUPS_LENGTH else text[: GROUPS_LENGTH + 1].rpartition("\n")[0]


def _as_json(items: Sequence[Any], ops: BaseDatabaseOperations) -> str:
    return json.dumps(items) if items else "[]"


FIELDS = tuple(column.name for column in fields(CallUsage) if column.name != "reported")
_values = attrgetter(*FIELDS)
# Position of a field → the value for the database, of the fields that are not written as they are.
WRITTEN: tuple[tuple[int, Callable[[Any, BaseDatabaseOperations], Any]], ...] = tuple(
    (FIELDS.index(name), write)
    for name, write in (
        ("when", _time),
        ("cost", _money),
        ("seconds", _seconds),
        ("tried", _as_json),
        ("rewrites", _as_json),
        ("group_names", _names),
    )
)
COLUMNS = tuple({"group_names": "groups"}.get(name, name) for name in FIELDS)


def _write_rows(rows: list[list[Any]]) -> None:
    """Insert with plain SQL, because a row takes ten times as long through the ORM."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in COLUMNS)
    marks = ", ".join(["%s"] * len(COLUMNS))
    with transaction.atomic(), connection.cursor() as cursor:
        table = quote(UsageRecord._meta.db_table)
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608  names of our columns


def _detach(batch: list[CallUsage]) -> None:
    """Clear references to rows that were deleted while the records waited."""
    for name, model in (("user_id", get_user_model()), ("key_id", ClientKey), ("connection_id", Connection)):
        present = existing(model, (getattr(usage, name) for usage in batch))
        for usage in batch:
            if getattr(usage, name) not in present:
                setattr(usage, name, None)
