"""Django's ASGI handler, with a pool of threads that are used again.

Every request has a thread of its own for whatever is not asynchronous, at least for its end (connections are closed
there). Django makes that thread anew each time, which cost more than the work in it (measured: 0.6 ms a request), and
every new thread may open another arena of memory. Here requests borrow threads, one each, and give them back.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler

from providers import runtime
from providers.process import disconnects, waiting
from webui.layers.forwarded import as_seen_outside

IDLE_THREADS = 32  # threads that wait for the next request; more are made where more requests are under way


class RequestThread(ThreadPoolExecutor):
    """One thread, which leaves no slot in the database's pool taken while its request waits for something else: for
    the client that takes the answer, for a provider.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="request")

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        return super().submit(_giving_back, work, *args, **options)


def _giving_back(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    try:
        return work(*args, **options)
    finally:
        waiting.give_back()


class RequestThreads:
    """The threads that wait for a request."""

    def __init__(self) -> None:
        self.idle: list[RequestThread] = []

    @contextmanager
    def borrowed(self) -> Iterator[RequestThread]:
        """Lend a thread to a request. It comes back idle: asgiref waits for its work, even of a cancelled request."""
        thread = self.idle.pop() if self.idle else RequestThread()
        try:
            yield thread
        finally:
            if len(self.idle) < IDLE_THREADS:
                self.idle.append(thread)
            else:
                thread.shutdown(wait=False)

    def close(self) -> None:
        while self.idle:
            self.idle.pop().shutdown(wait=False)


class SiteHandler(ASGIHandler):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Django answers HTTP, not {scope['type']}")
        scope = as_seen_outside(scope)
        with runtime.state(RequestThreads).borrowed() as thread, disconnects.watched():
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)

    async def listen_for_disconnect(self, receive: Any) -> None:
        """Note a disconnect for `client_has_left`: it cancels coroutines, but work in a thread has to ask."""
        try:
            await super().listen_for_disconnect(receive)
        except RequestAborted:
            disconnects.client_left()
            raise
