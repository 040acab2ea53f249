"""How work gets onto the server's event loop from any thread, and from there into threads that may use the database.

A view runs in a thread of the server: its loop takes the work. A shell, a command or a server without a loop has none:
then one of our own runs in a daemon thread. Work is not tied to the request that asked for it: it has a context of its
own, which keeps nothing but the language.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from django.utils import translation

T = TypeVar("T")

logger = logging.getLogger(__name__)
_tasks: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks weakly
# Rows of running replies are written here, so that they neither wait behind requests nor open connections without end.
_rows = ThreadPoolExecutor(max_workers=4, thread_name_prefix="chat-rows")
# Long documents and large pictures are read here, so that no row waits for them.
_slow = ThreadPoolExecutor(max_workers=2, thread_name_prefix="chat-slow")
_home: asyncio.AbstractEventLoop | None = None  # where sockets live: an in-memory channel layer works on its loop alone
_own: asyncio.AbstractEventLoop | None = None
_own_lock = threading.Lock()


Work = Callable[[], Coroutine[Any, Any, None]]


def current() -> asyncio.AbstractEventLoop:
    """The loop that work from here goes to."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return _servers_loop()


def adopt() -> None:
    """Make the running loop, to which a socket has just connected, the place for work of threads that serve nobody."""
    global _home
    _home = asyncio.get_running_loop()


def spawn(work: Work, *, name: str, on: asyncio.AbstractEventLoop | None = None) -> None:
    """Start what `work` makes as a task on the server's loop (or on `on`), at once. What it raises is logged."""
    loop = on or current()
    loop.call_soon_threadsafe(_start, loop, work, name, translation.get_language())


async def end_all() -> None:
    """Cancel everything spawned on this loop and wait until it has ended."""
    here = asyncio.get_running_loop()
    tasks = [task for task in _tasks if task.get_loop() is here]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def in_thread(job: Callable[..., T], *args: Any, **options: Any) -> T:
    """Run `job`, which may use the database, in a thread that leaves no connection open."""
    result: T = await database_sync_to_async(job, thread_sensitive=False, executor=_rows)(*args, **options)
    return result


async def in_slow_thread(job: Callable[..., T], *args: Any, **options: Any) -> T:
    """The same for work that takes its time."""
    result: T = await database_sync_to_async(job, thread_sensitive=False, executor=_slow)(*args, **options)
    return result


def _start(loop: asyncio.AbstractEventLoop, work: Work, name: str, language: str | None) -> None:
    task = loop.create_task(_live(work, language), name=name, context=Context())
    _tasks.add(task)
    task.add_done_callback(_ended)


async def _live(work: Work, language: str | None) -> None:
    if language:
        translation.activate(language)
    await work()


def _ended(task: asyncio.Task[None]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s failed", task.get_name(), exc_info=error)


def _servers_loop() -> asyncio.AbstractEventLoop:
    async def here() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    loop = async_to_sync(here)()  # the loop that this thread works for; a passing one when it works for none
    if loop.is_running():
        return loop
    return _home if _home is not None and _home.is_running() else _loop_of_our_own()


def _loop_of_our_own() -> asyncio.AbstractEventLoop:
    global _own
    with _own_lock:
        if _own is None:
            _own = asyncio.new_event_loop()
            threading.Thread(target=_own.run_forever, name="chat-loop", daemon=True).start()
        return _own
