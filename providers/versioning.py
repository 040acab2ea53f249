"""The version of the configuration: one row, counted up by every change of a configuration row.

A transaction counts it before it writes the rows: all writers lock it first, so they cannot deadlock. The number
changes in the transaction of the edit, so a process that reads the new number reads the new rows too, on any database,
with or without Redis. `providers.catalogue` reads it at most every `CONFIG_CHECK_SECONDS`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils.text import capfirst
from simple_history.manager import HistoryManager

M = TypeVar("M", bound=models.Model)
R = TypeVar("R")

# Columns of an account that a Caller holds. Others (last login, preferences) are no configuration.
USER_COLUMNS = frozenset({"is_active", "is_superuser", "email", "name", "password"})


committed = Signal()  # sent in this process after each committed change, for modules that cache configuration


class ConfigVersion(models.Model):
    """The one row, with pk 1."""

    number = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return str(self.number)


def bump() -> None:
    """Count the version up, which tells every process that the configuration changed."""
    if not ConfigVersion.objects.filter(pk=1).update(number=F("number") + 1):
        # The first number differs from those of any earlier row, so that a process with an old number sees a change.
        ConfigVersion.objects.get_or_create(pk=1, defaults={"number": time.time_ns() // 1000})


def changed() -> None:
    """Count the version up, and send `committed` once the change is."""
    bump()
    transaction.on_commit(partial(committed.send, sender=ConfigVersion))


@contextmanager
def exclusive() -> Iterator[None]:
    """A transaction for writing several configuration rows. Only one runs at a time: no deadlock, no mixed result."""
    with transaction.atomic():
        ConfigVersion.objects.get_or_create(pk=1, defaults={"number": time.time_ns() // 1000})
        ConfigVersion.objects.select_for_update().get(pk=1)
        yield


class QuietQuerySet(models.QuerySet[M]):
    """A queryset whose writes do not count the version up: health and last use are no configuration."""


class ConfigQuerySet(models.QuerySet[M]):
    """A queryset whose bulk writes count the version up, because they send no signals."""

    def quietly(self) -> QuietQuerySet[M]:
        """The same rows in a queryset that does not count."""
        queryset: QuietQuerySet[M] = QuietQuerySet(self.model, using=self.db)
        queryset.query = self.all().query
        return queryset

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


CHUNK = 500  # rows of one query about relations


class FullHistory(HistoryManager):  # type: ignore[misc]
    """The versions of rows with relations: those that are written in bulk hold the relations too."""

    def bulk_history_create(self, objs: Iterable[Any], *args: Any, **options: Any) -> Any:
        rows = list(objs)
        versions = super().bulk_history_create(rows, *args, **options)
        by_row = {getattr(version, self.model.instance_type._meta.pk.attname): version for version in versions or ()}
        for field in _relations(self.model):
            through, own = field.remote_field.through, field.m2m_column_name()
            for start in range(0, len(rows), CHUNK):
                links = through._base_manager.filter(**{f"{own}__in": [row.pk for row in rows[start : start + CHUNK]]})
                _write_links(self.model, field, [(by_row[getattr(link, own)], link) for link in links])
        return versions


def complete_deletion(*, history_instance: Any, **_kwargs: Any) -> None:
    """A deletion's version is written once the relations are gone: it gets those of the version before it."""
    if history_instance.history_type == "-" and (before := history_instance.prev_record) is not None:
        for field in _relations(type(history_instance)):
            links = getattr(before, field.name).all()
            _write_links(type(history_instance), field, [(history_instance, link) for link in links])


def _relations(history: Any) -> list[Any]:
    """The relations that the versions of a row hold."""
    return [field for field in history.instance_type._meta.many_to_many if hasattr(history, field.name)]


def _write_links(history: Any, field: Any, links: list[tuple[Any, Any]]) -> None:
    """Write rows of a relation for versions: pairs of a version and a row with the columns of the relation."""
    model, columns = (
        getattr(history, field.name).model,
        [own.attname for own in field.remote_field.through._meta.fields],
    )
    model.objects.bulk_create(
        [model(history=version, **{name: getattr(link, name) for name in columns}) for version, link in links]
    )


class SettingsRow(models.Model):
    """Base of settings that are a single row of the configuration, with pk 1."""

    objects = ConfigQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return capfirst(str(self._meta.verbose_name))

    @classmethod
    def load(cls) -> Self:
        return cls.objects.get_or_create(pk=1)[0]

    @classmethod
    def current(cls) -> Self:
        """The row, or one with the defaults that is not stored: reading writes nothing, and leaves no history."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    @classmethod
    def fill_from_environment(cls, read: Callable[[], Mapping[str, Any]]) -> None:
        """Write columns at the first start, or at every start without `ENABLE_PERSISTENT_CONFIG`. Safe to repeat.

        `read` returns the columns that the environment sets. It is called before the transaction, and only where they
        will be written, so it may wait. What it raises goes on to the caller.
        """
        if settings.ENABLE_PERSISTENT_CONFIG and cls.objects.filter(pk=1).exists():
            return
        values = read()
        with exclusive():
            stored = cls.objects.filter(pk=1).first()
            if stored is not None and settings.ENABLE_PERSISTENT_CONFIG:  # another process was faster
                return
            row = stored or cls()
            row.pk = 1
            changed = stored is None
            for name, value in values.items():
                changed = changed or _plain(getattr(row, name)) != value
                setattr(row, name, value)
            if changed:
                row.save()


def columns_from_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Column → variable, of those that the environment writes at every start: none with `ENABLE_PERSISTENT_CONFIG`."""
    return {} if settings.ENABLE_PERSISTENT_CONFIG else dict(variables)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value  # as PostgreSQL gives a binary column
