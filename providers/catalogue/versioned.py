"""A memory that holds for one version of the configuration: rows are read once per edit, not once per call."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import ClassVar, Generic, TypeVar

from django.db import DatabaseError, InterfaceError, connection

from providers import background
from providers.catalogue.snapshots import snapshot, snapshot_blocking
from providers.process import waiting

K = TypeVar("K")
V = TypeVar("V")

logger = logging.getLogger(__name__)


class Versioned(Generic[K, V]):
    """Values by key, dropped when the version moves; whoever asks while a value is read waits for that one read.

    Each memory is a subclass without arguments, because the runtime holds one instance of it:
    `await runtime.state(Callers).value(digest, partial(_load, key))`.
    """

    size: ClassVar[int] = 10_000  # values; the one that was read first goes first
    # Whether the value of the version before goes on while the database is away. Right for settings, wrong for
    # permissions.
    keeps: ClassVar[bool] = False

    def __init__(self) -> None:
        self._held: tuple[int | None, dict[K, V]] = (None, {})  # one attribute: read and replaced as a whole
        self._former: dict[K, V] = {}
        self._pending: dict[tuple[int, K], Future[V]] = {}
        self._lock = threading.Lock()

    def at(self, version: int) -> Mapping[K, V]:
        """What is known at this version."""
        held, values = self._held
        return values if held == version else self._move(version)

    def keep(self, version: int, key: K, value: V) -> None:
        """Remember a value that somebody else has found out."""
        self.at(version)
        with self._lock:
            held, values = self._held
            if held == version:
                while len(values) >= self.size:
                    del values[next(iter(values))]
                values[key] = value

    async def value(self, key: K, read: Callable[[], V]) -> V:
        """The value now; no thread hop where it is known. `read` runs in the background's thread; what it raises is
        raised to everybody who waits for it.
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
        """The same for synchronous code, read in this thread. Inside a transaction `read` sees its rows, and nothing is
        kept.
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
            held, values = self._held
            if held != version:
                self._former = {**self._former, **values} if self.keeps else {}
                values = {}
                self._held = (version, values)
            return values

    def _claim(self, version: int, key: K) -> "tuple[Future[V], bool]":
        """The read that is under way, or a new one, which is the caller's to do."""
        with self._lock:
            future = self._pending.get((version, key))
            if future is not None:
                return future, False
            future = self._pending[version, key] = Future()
            return future, True

    def _fill(self, future: "Future[V]", version: int, key: K, read: Callable[[], V]) -> None:
        """`version` was read before the rows are, so a change meanwhile makes the next look read again."""
        try:
            value = read()
        except (DatabaseError, InterfaceError) as error:
            self._pending.pop((version, key), None)
            if key in self._former:
                logger.warning("%s cannot be read, going on with what is known: %s", type(self).__name__, error)
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
