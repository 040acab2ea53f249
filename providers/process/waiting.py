"""Waits of threads: a thread that waits for anything but the database gives its database connection back first.

Such a thread must not be in a transaction, nor belong to a small pool.
`providers.http`, the file store and the cache call `give_back` themselves. Other code waits through the functions
below, or calls `give_back` right before each wait. Coroutines need not: they hold no connection.

On SQLite an unused connection blocks nobody, and opening one costs more than most queries, so it stays open.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connections

from providers import runtime
from providers.process._django_private import is_in_transaction

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 256  # for jobs that wait; further jobs queue
LARGE = 2**16  # bytes; larger bodies are parsed and joined in threads, not on an event loop
DEFAULT_POOL = "asyncio_"  # how asyncio names the few threads of a loop's default executor

logger = logging.getLogger(__name__)


class HoldsWhileWaiting(RuntimeError):
    """A wait began in a transaction or in a thread of a small pool."""


class ThreadMarks:
    """Marks of threads: part of a small pool, or doing the site's own work."""

    def __init__(self) -> None:
        self.of = threading.local()


class WaitingThreads:
    """Many threads, for jobs that wait."""

    def __init__(self) -> None:
        self.executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="waiting")

    def close(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)


def give_back() -> None:
    """Give this thread's database connections back, right before a wait. The next query takes one again.

    In a transaction or a small pool: raises HoldsWhileWaiting under `STRICT_WAITING` (in tests), else logs an error.
    """
    _give_connection_back()
    if getattr(runtime.state(ThreadMarks).of, "small_pool", False) or _is_in_default_pool():
        _complain("a thread of a small pool")


def _give_connection_back() -> None:
    for connection in connections.all(initialized_only=True):
        if is_in_transaction(connection):
            _complain("a transaction")
        elif connection.connection is not None and connection.vendor != "sqlite" and not connection.in_atomic_block:
            connection.close()


def sleep(seconds: float) -> None:
    give_back()
    time.sleep(seconds)


def for_event(event: threading.Event, seconds: float | None = None) -> bool:
    """Whether the event was set within this time."""
    give_back()
    return event.wait(seconds)


def for_future(future: "Future[T]", seconds: float | None = None) -> T:
    """The future's result. Raises what it raises, and TimeoutError."""
    if not future.done():
        give_back()
    return future.result(seconds)


def for_rows(future: "Future[T]", seconds: float | None = None) -> T:
    """The future's result, where its work waits for the database only. Threads of small pools may call this."""
    if not future.done():
        _give_connection_back()
    return future.result(seconds)


def is_done(future: "Future[Any]", seconds: float) -> bool:
    """Whether the future is done within this time."""
    give_back()
    return bool(wait((future,), timeout=seconds).done)


def for_thread(thread: threading.Thread, seconds: float | None = None) -> None:
    """Wait until the thread has ended or the time is over."""
    give_back()
    thread.join(seconds)


@contextmanager
def in_turn(slots: threading.Semaphore, seconds: float) -> Iterator[None]:
    """Take one of a limited number of slots, and free it after the block. Raises TimeoutError when none is free."""
    give_back()
    if not slots.acquire(timeout=seconds):
        raise TimeoutError
    try:
        yield
    finally:
        slots.release()


def on_loop(work: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """A function for threads that runs the coroutine function `work` and waits for its result."""

    def call(*args: P.args, **options: P.kwargs) -> T:
        give_back()
        result: T = async_to_sync(work)(*args, **options)
        return result

    return call


async def off_loop(size: int, job: Callable[..., T], *args: Any, **options: Any) -> T:
    """The result of a job that parses or joins `size` bytes; it runs in a thread where it would block the loop."""
    if size <= LARGE:
        return job(*args, **options)
    return await in_own_thread(job, *args, **options)


async def in_own_thread(job: Callable[..., T], *args: Any, **options: Any) -> T:
    """Run a job that waits (for a file store, an address, a lock) in one of many threads.

    If the caller is cancelled, the job still runs to its end. Its database connections are closed afterwards.
    """
    call = partial(copy_context().run, job, *args, **options)
    executor = runtime.state(WaitingThreads).executor
    return await asyncio.get_running_loop().run_in_executor(executor, _closing, call)


async def later(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces, none of them empty, for a response that streams. Each is made in a thread, so that a slow disk, bucket or
    database blocks no other request.
    """

    def following() -> bytes:
        return next(rest, b"")

    yield first
    while piece := await in_own_thread(following):
        yield piece


def start(job: Callable[[], object], *, what: str) -> None:
    """Start a job that waits (for a mail server) and that nobody waits for, in one of many threads.

    If it fails, the log says so; `what` names what was not done.
    """

    def logged(future: "Future[object]") -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.warning("Could not send %s: %s", what, error)

    runtime.state(WaitingThreads).executor.submit(_closing, job).add_done_callback(logged)


def mark_small_pool() -> None:
    """Mark this thread as one of a small pool: it must not wait. For use as the `initializer` of an executor."""
    runtime.state(ThreadMarks).of.small_pool = True


def mark_own_work() -> None:
    """Mark this thread as doing the site's own work (usage, health, jobs, replies): its queries precede requests."""
    runtime.state(ThreadMarks).of.own_work = True


def mark_only_rows() -> None:
    """Both marks: one of a few threads that read and write rows for the site's own work, and wait for nothing else."""
    mark_small_pool()
    mark_own_work()


def is_own_work() -> bool:
    return getattr(runtime.state(ThreadMarks).of, "own_work", False)


def _closing(call: Callable[[], T]) -> T:
    try:
        return call()
    finally:
        connections.close_all()


def _is_in_default_pool() -> bool:
    return threading.current_thread().name.startswith(DEFAULT_POOL)


def _complain(held: str) -> None:
    if settings.STRICT_WAITING:
        raise HoldsWhileWaiting(f"A wait begins while the thread holds {held}")
    logger.error("A wait begins while the thread holds %s", held, stack_info=True)
