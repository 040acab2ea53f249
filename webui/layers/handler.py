"""Django's ASGI handler with threads that are kept.

Every request has a thread of its own for whatever is not asynchronous, at least for its end (connections are closed
there). Django makes that thread anew each time, which cost more than the work in it (measured: 0.6 ms a request), and
every new thread may open another arena of memory. Here requests borrow threads, one each, and give them back.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler

from providers import runtime

KEPT = 32  # threads that wait for the next request; more are made where more requests are under way


class RequestThreads:
    """The threads that wait for a request."""

    def __init__(self) -> None:
        self.idle: list[ThreadPoolExecutor] = []

    @contextmanager
    def borrowed(self) -> Iterator[ThreadPoolExecutor]:
        """asgiref waits for what runs in it, also where the request was cancelled: it comes back with nothing to do."""
        thread = self.idle.pop() if self.idle else ThreadPoolExecutor(max_workers=1, thread_name_prefix="request")
        try:
            yield thread
        finally:
            if len(self.idle) < KEPT:
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
        with runtime.state(RequestThreads).borrowed() as thread:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
