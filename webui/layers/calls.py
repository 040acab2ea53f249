"""The requests that run now: each is counted at its end, and a shutdown waits for them, and answers those that take too
long with an error.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from providers import runtime
from providers.errors import Unavailable
from providers.process import outages
from providers.responses import error_responses, stream_ends

DISCONNECT = {"type": "http.disconnect"}
END_SECONDS = 1.0  # how long a request may take to end once it is told to

logger = logging.getLogger(__name__)


Count = Callable[[Any, int, float], None]  # of the scope, the status (0: none was sent), and the seconds it took


class Calls:
    """The requests of this process that are being answered."""

    def __init__(self) -> None:
        self.running: set[_Call] = set()


class RunningCalls:
    """ASGI layer that lists the running requests, so that a shutdown can end them, and counts each at its end."""

    def __init__(self, inner: Any, count: Count) -> None:
        self.inner = inner
        self.count = count

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        call = _Call(scope, receive, send, self.count)
        running = runtime.state(Calls).running
        running.add(call)
        try:
            await self.inner(scope, call.receive, call.send)
        except BaseException as error:
            if not call.is_ended or not isinstance(error, Exception | asyncio.CancelledError):
                raise
            logger.debug("A request was ended by the stop", exc_info=error)
        finally:
            running.discard(call)
            if not call.is_ended:
                call.report()  # if it broke off
        if call.is_ended:
            try:
                await call.say(outages.restarting())
            finally:
                call.report()


async def until_answered() -> None:
    """Return once no request is being answered."""
    while tasks := [call.task for call in runtime.state(Calls).running]:
        await asyncio.wait(tasks)


async def end_all() -> None:
    """End the requests that still run: with an error frame in a stream, or with a 503."""
    calls = list(runtime.state(Calls).running)
    if not calls:
        return
    for call in calls:
        call.end()
    await asyncio.wait([call.task for call in calls], timeout=END_SECONDS)
    await asyncio.gather(*(call.say(outages.restarting()) for call in calls), return_exceptions=True)
    logger.warning("Stopping: %s requests were ended before their answer was complete", len(calls))


class _Call:
    """One request and its answer so far."""

    __slots__ = (
        "_count",
        "_ending",
        "_receive",
        "_scope",
        "_send",
        "began",
        "body_is_here",
        "headers",
        "is_complete",
        "is_counted",
        "is_ended",
        "is_said",
        "status",
        "tail",
        "task",
    )

    def __init__(self, scope: Any, receive: Any, send: Any, count: Count) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  an application runs in a task
        self.task = task
        self.began = time.perf_counter()
        self.status = 0  # none was sent
        self.body_is_here = self.is_complete = self.is_counted = self.is_ended = self.is_said = False
        self._scope, self._count = scope, count
        self.headers: Iterable[tuple[bytes, bytes]] = ()
        self.tail = b""  # the last piece of the body, or more where that is short
        self._receive, self._send = receive, send
        self._ending: asyncio.Future[None] | None = None  # while somebody asks whether the client is still there

    async def receive(self) -> Any:
        """The client's next message. Once the request is ended, the client seems to have left: then the application
        ends by itself, as it does for any client who leaves.
        """
        if not self.body_is_here:
            message = await self._receive()
            self.body_is_here = not message.get("more_body", False)
            return message
        if self.is_ended:
            return DISCONNECT
        self._ending = asyncio.get_running_loop().create_future()
        message = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((message, self._ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ending = None
            if not message.done():
                message.cancel()
        return message.result() if message.done() and not message.cancelled() else DISCONNECT

    async def send(self, message: Any) -> None:
        if self.is_said:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = message.get("headers", ())
        elif not message.get("more_body", False):
            self.is_complete = True
        else:
            body = message["body"]
            self.tail = body if len(body) >= stream_ends.LONGEST_END else self.tail[-stream_ends.LONGEST_END :] + body
        await self._send(message)
        if self.is_complete:
            self.report()

    def report(self) -> None:
        """Count the request, once: with the last byte of its answer, or when it broke off."""
        if not self.is_counted:
            self.is_counted = True
            self._count(self._scope, self.status, time.perf_counter() - self.began)

    def end(self) -> None:
        """End the request: report a disconnect to the application, or cancel its task while the body is arriving."""
        self.is_ended = True
        if not self.body_is_here:
            self.task.cancel()
        elif self._ending is not None and not self._ending.done():
            self._ending.set_result(None)

    async def say(self, error: Unavailable) -> None:
        """Send the error: as a whole response before the first byte, as a last frame in a stream of frames.

        Any other body that has begun gets nothing; the server then closes its connection.
        """
        if self.is_said or self.is_complete:
            return
        self.is_said = True
        path = self._scope["path"]
        if not self.status:
            answer = error_responses.error_response(error, path)
            self.status = answer.status
            headers = [(name.encode(), value.encode()) for name, value in answer.headers]
            await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await self._send({"type": "http.response.body", "body": answer.body})
            return
        headers_so_far = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        event = error_responses.event_for(path)
        if (frame := stream_ends.error_frame(headers_so_far, self.tail, error, event)) is not None:
            await self._send({"type": "http.response.body", "body": frame, "more_body": False})
