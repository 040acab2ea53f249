"""Deletion of many rows: in small transactions, so that other writers come in between."""

from typing import Any

from django.db.models import QuerySet

BATCH = 1000  # rows of a transaction


def in_batches(rows: QuerySet[Any], size: int | None = None) -> int:
    """Delete all these rows, BATCH or `size` at once; returns how many there were. One that is none of them any more
    when its turn comes stays.
    """
    count = 0
    while ids := list(rows.order_by().values_list("pk", flat=True)[: size or BATCH]):
        _all, by_model = rows.filter(pk__in=ids).delete()
        count += by_model.get(rows.model._meta.label, 0)
    return count
