"""The version of the configuration: one row that every change of a configuration row counts up.

Within a transaction it is counted before the rows are written, so that all writers lock it first and none waits for
another in a circle. The row changes in the transaction of the edit itself, so a process that sees the new number sees
the new rows too, on any database, with or without Redis. `catalogue` compares it at most every `CONFIG_CHECK_SECONDS`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F

Listener = Callable[[], None]

M = TypeVar("M", bound=models.Model)
R = TypeVar("R")

# Columns of an account that callers carry. Others (last login, preferences) are no configuration.
USER_COLUMNS = frozenset({"is_active", "is_superuser", "email", "name", "password"})


_listeners: list[Listener] = []


class ConfigVersion(models.Model):
    """One row (pk 1)."""

    number = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return str(self.number)


def listen(listener: Listener) -> None:
    """Have `listener` called in this process after each committed change. Modules that cache configuration do this."""
    _listeners.append(listener)


def bump() -> None:
    """Tell every process that configuration changed."""
    if not ConfigVersion.objects.filter(pk=1).update(number=F("number") + 1):
        # A first number that no earlier row can have had: a process that remembers one sees the difference.
        ConfigVersion.objects.get_or_create(pk=1, defaults={"number": time.time_ns() // 1000})


def changed() -> None:
    """Count up, and tell this process's listeners once the change is committed."""
    bump()
    transaction.on_commit(_tell)


def _tell() -> None:
    for listener in _listeners:
        listener()


@contextmanager
def exclusive() -> Iterator[None]:
    """A transaction that no other writer of several configuration rows runs beside: no deadlock, no half of each."""
    with transaction.atomic():
        ConfigVersion.objects.get_or_create(pk=1, defaults={"number": time.time_ns() // 1000})
        ConfigVersion.objects.select_for_update().get(pk=1)
        yield


class QuietQuerySet(models.QuerySet[M]):
    """Rows that are written without a count, because what is written is no configuration (health, use)."""


class ConfigQuerySet(models.QuerySet[M]):
    """Counts up on the bulk writes that send no signals."""

    def quietly(self) -> QuietQuerySet[M]:
        """The same rows, whose writes are not counted."""
        quiet: QuietQuerySet[M] = QuietQuerySet(self.model, using=self.db)
        quiet.query = self.all().query
        return quiet

    def _counted(self, write: Callable[[], R]) -> R:
        with transaction.atomic(using=self.db, savepoint=False):
            changed()
            return write()

    def update(self, **values: Any) -> int:
        return self._counted(lambda: super(ConfigQuerySet, self).update(**values))

    def delete(self) -> tuple[int, dict[str, int]]:
        return self._counted(lambda: super(ConfigQuerySet, self).delete())

    def bulk_create(self, *args: Any, **options: Any) -> list[M]:
        return self._counted(lambda: super(ConfigQuerySet, self).bulk_create(*args, **options))
