"""A cache for one version of the configuration: rows are read once per edit, not once per call."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import ClassVar, Generic, TypeVar

from django.db import DatabaseError, InterfaceError, connection

from providers.catalogue.snapshots import snapshot, snapshot_blocking
from providers.process import background, waiting

K = TypeVar("K")
V = TypeVar("V")

logger = logging.getLogger(__name__)


class Versioned(Generic[K, V]):
    """Values by key, dropped when the version changes. Calls that need a value while it is read wait for that one read.

    Each cache is a subclass without constructor arguments, because the runtime holds its one instance:
    `await runtime.state(Callers).value(digest, partial(_load, key))`.
    """

    size: ClassVar[int] = 10_000  # values; the oldest is dropped first
    # Whether values of the version before stay in use while the database does not answer. Right for settings, wrong
    # for permissions.
    keeps: ClassVar[bool] = False

    def __init__(self) -> None:
        self._current: tuple[int | None, dict[K, V]] = (None, {})  # one attribute, so that it is replaced as a whole
        self._former: dict[K, V] = {}
        self._pending: dict[tuple[int, K], Future[V]] = {}
        self._lock = threading.Lock()

    def at(self, version: int) -> Mapping[K, V]:
        """The values of this version."""
        current, values = self._current
        return values if current == version else self._move(version)

    def keep(self, version: int, key: K, value: V) -> None:
        """Add a value that was read elsewhere."""
        self.at(version)
        with self._lock:
            current, values = self._current
            if current == version:
                while len(values) >= self.size:
                    del values[next(iter(values))]
                values[key] = value

    async def value(self, key: K, read: Callable[[], V]) -> V:
        """The current value, without a thread hop where it is cached. `read` runs in the background thread; what it
        raises is raised to every waiting call.
        """
        version = (await snapshot()).version
        values = self.at(version)
        if key in values:
            return values[key]
        future, ours = self._claim(version, key)
        if ours:
            background.submit(partial(self._fill, future, version, key, read))
        return await asyncio.shield(asyncio.wrap_future(future))

    def value_blocking(self, key: K, read: Callable[[], V]) -> V:
        """`value` for synchronous code: read in this thread. In a transaction `read` sees its rows, and nothing is
        cached.
        """
        if connection.in_atomic_block:
            return read()
        version = snapshot_blocking().version
        values = self.at(version)
        if key in values:
            return values[key]
        future, ours = self._claim(version, key)
        if ours:
            self._fill(future, version, key, read)
        return waiting.for_rows(future)

    def _move(self, version: int) -> dict[K, V]:
        with self._lock:
            current, values = self._current
            if current != version:
                self._former = {**self._former, **values} if self.keeps else {}
                values = {}
                self._current = (version, values)
            return values

    def _claim(self, version: int, key: K) -> "tuple[Future[V], bool]":
        """The running read, or a new one, which the caller then has to do (true)."""
        with self._lock:
            future = self._pending.get((version, key))
            if future is not None:
                return future, False
            future = self._pending[version, key] = Future()
            return future, True

    def _fill(self, future: "Future[V]", version: int, key: K, read: Callable[[], V]) -> None:
        """Read a value. `version` was read before the rows, so that a later change is noticed by its number."""
        try:
            value = read()
        except (DatabaseError, InterfaceError) as error:
            self._pending.pop((version, key), None)
            if key in self._former:
                logger.warning("%s cannot be read, the old value stays in use: %s", type(self).__name__, error)
                future.set_result(self._former[key])
            else:
                future.set_exception(error)
        except BaseException as error:
            self._pending.pop((version, key), None)
            future.set_exception(error)
        else:
            self.keep(version, key, value)
            self._pending.pop((version, key), None)
            future.set_result(value)
