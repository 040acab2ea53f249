"""Old usage records are deleted, and what they add up to stays, by day, person, key, groups, model and connection."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper
from django.utils import timezone

from providers.models import UsageRecord, UsageTotal
from providers.process import deletion
from providers.relay.usage.totals import COLUMNS, COUNTS, FAILED, MEMBERS, UNPRICED, Total

SAME = ("day", "user_id", "key_id", "connection_id", "key_name", "connection_name", "groups", "model")


def roll_up(before: datetime) -> int:
    """Move the records from before a moment to the totals of their days. Returns how many there were.

    A batch is a transaction: whatever ends it, a record is either there or in a total. Several processes may do this
    at once: each takes records that no other one has.
    """
    count = 0
    while moved := _move(before):
        count += moved
    return count


def _move(before: datetime) -> int:
    with transaction.atomic():
        records = list(_batch(before))
        totals: dict[tuple[Any, ...], Total] = {}
        for record in records:
            totals.setdefault(_same(record), Total()).add(_of_record(record))
        _write(totals)
        UsageRecord._base_manager.filter(pk__in=[record.pk for record in records]).delete()
    return len(records)


def _batch(before: datetime) -> Any:
    marks = {
        name: ExpressionWrapper(which, BooleanField()) for name, which in (("failed", FAILED), ("unpriced", UNPRICED))
    }
    rows = UsageRecord.objects.filter(when__lt=before).select_related("key", "connection").annotate(**marks)
    return rows.select_for_update(of=("self",), skip_locked=True).order_by("when", "pk")[: deletion.BATCH]


def _same(record: UsageRecord) -> tuple[Any, ...]:
    """The values of `SAME`: records with the same ones become one total."""
    key_name = record.key.lasting_name if record.key else record.key_name
    connection_name = record.connection.name if record.connection else record.connection_name
    return (
        timezone.localdate(record.when, timezone.get_default_timezone()),
        record.user_id,
        record.key_id,
        record.connection_id,
        key_name,
        connection_name,
        record.groups,
        record.model,
    )


def _of_record(record: Any) -> Total:
    """A record of `_batch` as a sum of one call."""
    sums = {name: getattr(record, COLUMNS.get(name, name)) for name in MEMBERS if name not in COUNTS}
    return Total(calls=1, failed=int(record.failed), unpriced=int(record.unpriced), **sums)


def _of_stored(row: UsageTotal) -> Total:
    return Total(**{name: getattr(row, COLUMNS.get(name, name)) for name in MEMBERS})


def _write(totals: dict[tuple[Any, ...], Total]) -> None:
    """Write totals. A stored one of the same things is replaced by the sum."""
    days = {same[0] for same in totals}
    former = UsageTotal.objects.filter(day__in=days).select_for_update(of=("self",), skip_locked=True)
    replaced = []
    for row in former:
        same = tuple(getattr(row, name) for name in SAME)
        if same in totals:
            totals[same].add(_of_stored(row))
            replaced.append(row.pk)
    UsageTotal.objects.filter(pk__in=replaced).delete()
    UsageTotal.objects.bulk_create(
        UsageTotal(
            **dict(zip(SAME, same, strict=True)),
            **{COLUMNS.get(name, name): getattr(total, name) for name in MEMBERS},
        )
        for same, total in totals.items()
    )
