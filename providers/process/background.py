"""One thread for the short database reads and writes of event loops. Its jobs run one after the other.

The thread has a database connection of its own. On PostgreSQL each job returns it to the pool. On SQLite it stays open,
because opening one takes five times as long as reading the configuration version; `drain` closes it.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.db import connection, connections

from providers import runtime
from providers.process import waiting

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Background:
    """The thread with its queue."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="configuration", initializer=waiting.mark_only_rows
        )

    def close(self) -> None:
        """Wait until every queued job is done, and close the thread's database connection."""
        with suppress(RuntimeError):  # the interpreter ends: its threads have done what was queued
            self.thread.submit(connections.close_all)
        self.thread.shutdown()


def submit(job: Callable[[], T]) -> "Future[T]":
    """Queue a job and return its future, which holds what the job returns or raises."""
    return runtime.state(Background).thread.submit(_run, job)


def write(job: Callable[[], object], *, what: str) -> None:
    """Queue a write that no request waits for. If it fails, the log says so; `what` names what was not written."""

    def logged(future: "Future[object]") -> None:
        error = future.exception()
        if error is not None:
            logger.warning("Could not write %s: %s", what, error)

    submit(job).add_done_callback(logged)


def run(job: Callable[[], T]) -> T:
    """Run a job in the thread and wait for it. Inside a transaction it runs here, and sees that transaction's rows."""
    return job() if connection.in_atomic_block else waiting.for_rows(submit(job))


def drain() -> None:
    """Wait until every job queued so far is done, and close the thread's database connection."""
    runtime.state(Background).thread.submit(connections.close_all).result()


def _run(job: Callable[[], T]) -> T:
    stays_open = connection.vendor == "sqlite"
    try:
        return job()
    except Exception:
        stays_open = False
        raise
    finally:
        if not stays_open:
            connections.close_all()
