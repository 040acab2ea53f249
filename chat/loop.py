"""Work on an event loop: started from any thread, with threads of its own for blocking calls.

A view runs in a thread of the server, and the server's loop takes the work. A shell or a command has no loop: there, a
loop of ours runs in a daemon thread. Work is not tied to the request that started it: it gets a new context, with
nothing but the language.
"""

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any, TypeVar

from channels.db import database_sync_to_async
from django.utils import translation

from providers import http, runtime
from providers.process import waiting
from providers.process._asgiref_private import loop_of_thread

T = TypeVar("T")

logger = logging.getLogger(__name__)
CLOSE_SECONDS = 3.0  # how long the end of a process waits for work on the loop of our own

Work = Callable[[], Coroutine[Any, Any, None]]


class WorkThreads:
    """The threads for blocking calls of work on a loop."""

    def __init__(self) -> None:
        # For the rows of running replies: they neither wait for requests nor open an unlimited number of connections.
        self.rows = ThreadPoolExecutor(
            max_workers=4, thread_name_prefix="chat-rows", initializer=waiting.mark_only_rows
        )

    def close(self) -> None:
        self.rows.shutdown()


class WorkLoops:
    """The running tasks of this process, and the loops for new ones."""

    def __init__(self) -> None:
        runtime.state(WorkThreads)  # created first, so closed last: cancelled tasks still save their rows
        self.tasks: set[asyncio.Task[None]] = set()  # a loop refers to its tasks weakly
        # The loop of the sockets: a channel layer in memory works on that one alone.
        self.home: asyncio.AbstractEventLoop | None = None
        self.ending: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self.own: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()

    def start_own(self) -> asyncio.AbstractEventLoop:
        """Our own loop, which runs in a thread; started when needed."""
        with self.lock:
            if self.own is None:
                self.own = asyncio.new_event_loop()
                self.thread = threading.Thread(target=self.own.run_forever, name="chat-loop", daemon=True)
                self.thread.start()
            return self.own

    def close(self) -> None:
        """End the work on our own loop; servers end the work on theirs."""
        loop, thread = self.own, self.thread
        if loop is None or thread is None:
            return
        ended = asyncio.run_coroutine_threadsafe(self._end(loop), loop)
        try:
            waiting.for_future(ended, CLOSE_SECONDS)
        except TimeoutError:
            logger.warning("Work on the chat's own loop did not end within %s s", CLOSE_SECONDS)
            return
        loop.call_soon_threadsafe(loop.stop)
        waiting.for_thread(thread)
        loop.close()

    async def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        await self.cancel_all(loop)
        await http.aclose()
        await loop.shutdown_asyncgens()

    async def cancel_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel the tasks of this loop, which is the running one, and wait until they have ended."""
        self.ending.add(loop)
        tasks = [task for task in self.tasks if task.get_loop() is loop]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def current() -> asyncio.AbstractEventLoop:
    """The loop for work that is started here."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return _servers_loop()


def adopt() -> None:
    """Let the running loop, to which a socket has just connected, take the work of threads outside any request."""
    runtime.state(WorkLoops).home = asyncio.get_running_loop()


def spawn(work: Work, *, name: str, on: asyncio.AbstractEventLoop | None = None) -> None:
    """Start the coroutine that `work` returns as a task on the server's loop (or on `on`). Exceptions are logged."""
    loop = on or current()
    loop.call_soon_threadsafe(_start, loop, work, name, translation.get_language())


def is_ending() -> bool:
    """Whether the work on the running loop is cancelled because its process ends."""
    return asyncio.get_running_loop() in runtime.state(WorkLoops).ending


async def end_all() -> None:
    """Cancel all tasks that were spawned on this loop, and wait until they have ended."""
    await runtime.state(WorkLoops).cancel_all(asyncio.get_running_loop())


async def in_thread(job: Callable[..., T], *args: Any, **options: Any) -> T:
    """Run `job`, which waits for the database alone, in a thread; its connection is closed afterwards.

    For jobs that wait for more (files, addresses, locks) there is `waiting.in_own_thread`.
    """
    threads = runtime.state(WorkThreads)
    result: T = await database_sync_to_async(job, thread_sensitive=False, executor=threads.rows)(*args, **options)
    return result


def _start(loop: asyncio.AbstractEventLoop, work: Work, name: str, language: str | None) -> None:
    task = loop.create_task(_live(work, language), name=name, context=Context())
    tasks = runtime.state(WorkLoops).tasks
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(_log_failure)


async def _live(work: Work, language: str | None) -> None:
    if language:
        translation.activate(language)
    await work()


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s failed", task.get_name(), exc_info=error)


def _servers_loop() -> asyncio.AbstractEventLoop:
    """The loop that this thread works for; where it works for none, the sockets' loop, else our own."""
    loops = runtime.state(WorkLoops)
    home = loops.home if loops.home is not None and loops.home.is_running() else None
    return loop_of_thread() or home or loops.start_own()
