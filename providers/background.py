"""One thread for the small reads and writes that a running event loop needs from the database.

The thread has a connection of its own. On PostgreSQL each job gives it back to the pool; on SQLite it stays open,
because opening one costs five times what a look at the version does. `drain` closes it. Jobs run one after the other.
"""

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connection, connections

T = TypeVar("T")

logger = logging.getLogger(__name__)


def _new_thread() -> None:
    global _thread
    _thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="configuration")


_thread: ThreadPoolExecutor
_new_thread()
os.register_at_fork(after_in_child=_new_thread)  # a fork takes no threads along, only the belief that there is one


def submit(job: Callable[[], T]) -> "Future[T]":
    """Queue `job` and return its future; what it raises is in the future, and in the log only if nobody asks."""
    return _thread.submit(_run, job)


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
    """Wait until everything queued so far is done, and leave no connection behind (shutdown, tests)."""
    _thread.submit(connections.close_all).result()


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
