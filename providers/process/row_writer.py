"""Rows that calls leave behind: queued by whoever has them, and written in batches by a thread in the background.

`add` never blocks and never fails. The thread writes within a second. Without a database rows wait in the queue; those
that no longer fit are lost, and the log says how many. The end of the process writes what is still queued.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

from django.db import connection, connections
from django.db.models import Model

from providers.process import outages, waiting

BATCH_SECONDS = 0.5  # between two batches
IDLE_SECONDS = 10.0  # the thread ends after this long without rows
BATCH_ROWS = 500
QUEUE_ROWS = 20_000  # 10 to 50 MB: 20 s without a database at 1,000 calls a second

T = TypeVar("T")


class RowWriter(Generic[T]):
    """The queue and its thread, which starts with the first row (so after any fork) and ends without more.

    A subclass says how a batch is written; it is a state of the process.
    """

    rows: ClassVar[str]  # what the log calls them
    thread_name: ClassVar[str]

    def __init__(self) -> None:
        self.waiting: deque[T] = deque()
        self.lost = 0
        self.thread: threading.Thread | None = None
        self.starting = threading.Lock()
        self.writing = threading.Lock()
        self.closing = threading.Event()
        self.logger = logging.getLogger(type(self).__module__)

    def insert(self, batch: list[T]) -> None:
        """Write a batch, in one transaction."""
        raise NotImplementedError

    def has_written(self, batch: list[T]) -> None:
        """Called after `insert`, in the same thread."""

    def add(self, row: T) -> None:
        """Queue a row. Returns at once, from any thread or loop."""
        if len(self.waiting) >= QUEUE_ROWS:
            self.lost += 1
            return
        self.waiting.append(row)
        if self.thread is None:
            with self.starting:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name=self.thread_name, daemon=True)
                    self.thread.start()

    def _run(self) -> None:
        """Write batches. On SQLite the database connection stays open: opening one takes as long as 100 rows."""
        waiting.mark_own_work()
        try:
            idle = 0.0
            while idle < IDLE_SECONDS or not self._ends():
                if waiting.for_event(self.closing, BATCH_SECONDS):
                    return
                idle = 0.0 if self.waiting else idle + BATCH_SECONDS
                self.write()
        finally:
            connections.close_all()

    def _ends(self) -> bool:
        with self.starting:
            self.thread = None  # before the last check: `add` starts another thread from here on
            if self.waiting:
                self.thread = threading.current_thread()
            return self.thread is None

    def close(self) -> None:
        """End the thread, and write the rest in this one."""
        self.closing.set()
        thread = self.thread
        if thread is not None:
            waiting.for_thread(thread)
        if not self.waiting:
            return
        was_open = connection.connection is not None
        try:
            self.write()
        finally:
            if not was_open:
                connection.close()

    def write(self) -> None:
        """Write the queued rows, in this thread. Without a database they stay queued for the next time."""
        with self.writing:
            while self.waiting:
                batch = [self.waiting[index] for index in range(min(BATCH_ROWS, len(self.waiting)))]
                try:
                    self.insert(batch)
                except Exception as error:
                    if outages.of(error) is not None:
                        self.logger.warning("%s %s wait for the database: %s", len(self.waiting), self.rows, error)
                        if not connection.in_atomic_block:
                            connection.close()  # the connection may be broken; the next write opens another
                        return
                    # The outermost edge: a batch that can never be written must not block the next ones.
                    self.logger.exception("%s %s cannot be written", len(batch), self.rows)
                else:
                    self.has_written(batch)
                for _ in batch:
                    self.waiting.popleft()
            if self.lost:
                self.logger.error("%s %s were lost while the database was away", self.lost, self.rows)
                self.lost = 0


def existing(model: type[Model], keys: Iterable[Any]) -> set[Any]:
    """Those of these primary keys whose rows are still there: some may have gone while others waited."""
    return set(model._default_manager.filter(pk__in=set(keys) - {None}).values_list("pk", flat=True))
