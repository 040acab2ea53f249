"""One thread for the small reads and writes that a running event loop needs from the database.

The thread has a connection of its own. On PostgreSQL each job gives it back to the pool; on SQLite it stays open,
because opening one costs five times what a look at the version does. `drain` closes it. Jobs run one after the other.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.db import connection, connections

from providers import runtime

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Background:
    """The thread and its queue."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="configuration")

    def close(self) -> None:
        """Return when everything queued is done; the thread leaves no connection behind."""
        with suppress(RuntimeError):  # the interpreter ends: its threads have done what was queued
            self.thread.submit(connections.close_all)
        self.thread.shutdown()


def submit(job: Callable[[], T]) -> "Future[T]":
    """Queue `job` and return its future; what it raises is in the future, and in the log only if nobody asks."""
    return runtime.state(Background).thread.submit(_run, job)


def write(job: Callable[[], object], *, what: str) -> None:
    """Queue a write that nobody waits for. A database that is away costs this write, never a request."""

    def logged(future: "Future[object]") -> None:
        error = future.exception()
        if error is not None:
            logger.warning("Could not write %s: %s", what, error)

    submit(job).add_done_callback(logged)


def run(job: Callable[[], T]) -> T:
    """Do `job` in the thread and wait; inside a transaction here and now, so that it sees what that has written."""
    return job() if connection.in_atomic_block else submit(job).result()


def drain() -> None:
    """Wait until everything queued so far is done, and leave no connection behind."""
    runtime.state(Background).thread.submit(connections.close_all).result()


def _run(job: Callable[[], T]) -> T:
    kept = connection.vendor == "sqlite"
    try:
        return job()
    except Exception:
        kept = False
        raise
    finally:
        if not kept:
            connections.close_all()
