"""Deletion of many rows: in small transactions, so that other writers come in between."""

from typing import Any

from django.db.models import QuerySet

BATCH = 1000  # rows of a transaction


def in_batches(rows: QuerySet[Any]) -> int:
    """Delete all these rows; returns how many there were."""
    model, count = rows.model, 0
    while ids := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        _all, by_model = model._base_manager.filter(pk__in=ids).delete()
        count += by_model.get(model._meta.label, 0)
    return count
