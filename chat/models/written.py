"""Rows whose writes others hear of, also those of which Django tells nobody: in bulk, and by a query."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models
from django.dispatch import Signal

Row = TypeVar("Row", bound=models.Model)
written = Signal()  # `ids` of rows that were written in bulk or by a query; `save` sends Django's `post_save`


class WrittenQuerySet(models.QuerySet[Row]):
    """Sends `written` where one of the columns `watched` of its model is written."""

    def bulk_create(self, objs: Iterable[Row], *args: Any, **options: Any) -> list[Row]:
        rows = super().bulk_create(objs, *args, **options)
        written.send(sender=self.model, ids=[row.pk for row in rows])
        return rows

    def update(self, **values: Any) -> int:
        watched = self.model.WATCHED  # type: ignore[attr-defined]
        if watched.isdisjoint(values) or values.get("status") in getattr(self.model, "RUNNING", ()):
            return super().update(**values)
        ids = list(self.order_by().values_list("pk", flat=True))
        count = super().update(**values)
        if ids:
            written.send(sender=self.model, ids=ids)
        return count
