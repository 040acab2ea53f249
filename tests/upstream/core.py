"""The server: it reads and records a request, selects the response and sends it step by step."""

import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, ClassVar

from aiohttp import web

from tests.upstream.replies import PATIENCE, Behaviour, Cut, Gate, Pause, Raw, Reply, Step, in_json

Handler = Callable[["Received"], Reply | web.StreamResponse | Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True)
class Part:
    """One part of a multipart body."""

    name: str
    filename: str | None
    content_type: str
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode()


@dataclass(eq=False)
class Received:
    """One request as it came in, and what became of its answer."""

    method: str
    path: str  # decoded
    raw_path: str  # as on the wire, with the query
    query: dict[str, str]
    headers: Any  # case-insensitive, `getall(name)` for repeated ones
    body: bytes
    request: web.Request = field(repr=False)  # for protocols that go on by themselves (WebSocket)
    params: dict[str, str] = field(default_factory=dict)  # named groups of the route's pattern
    sent: int = 0  # bytes of the body that the connection has taken so far
    closed: threading.Event = field(default_factory=threading.Event)  # the client left before the answer was complete
    done: threading.Event = field(default_factory=threading.Event)  # the answer is over, one way or the other

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def parts(self) -> list[Part]:
        """The parts of a multipart body, in order; [] for any other body."""
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/"):
            return []
        message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + self.body)
        return [
            Part(
                str(part.get_param("name", header="content-disposition") or ""),
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True) or b"",
            )
            for part in message.iter_parts()
        ]

    @property
    def fields(self) -> dict[str, str]:
        """The parts of a multipart body that are plain fields."""
        return {part.name: part.text for part in self.parts if part.filename is None}

    @property
    def files(self) -> list[Part]:
        return [part for part in self.parts if part.filename is not None]

    @property
    def key(self) -> str:
        """The credential presented: `Authorization: Bearer …`, else `api-key` or `x-api-key`, else nothing."""
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return bearer or self.headers.get("api-key", "") or self.headers.get("x-api-key", "")

    def wait_closed(self, timeout: float = PATIENCE) -> None:
        assert self.closed.wait(timeout), f"the client was still there after {timeout} s"

    def wait_done(self, timeout: float = PATIENCE) -> None:
        assert self.done.wait(timeout), f"the answer was not over after {timeout} s"


class Protocol:
    """Base of what the server can speak; a subclass is one file beside this one and one line in `PROTOCOLS`.

    `routes` lists (method, pattern, handler name); the pattern is a regular expression for the whole decoded path, and
    its named groups arrive in `received.params`. A handler takes the `Received` and returns a `Reply`; it may be async
    and may return an aiohttp response of its own (a WebSocket). State a test sets or reads lives on the instance.
    """

    routes: ClassVar[Sequence[tuple[str, str, str]]] = ()

    def __init__(self, upstream: "Upstream") -> None:
        self.upstream = upstream

    def handler_for(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        for wanted, pattern, name in self.routes:
            if wanted in (method, "*") and (match := re.fullmatch(pattern, path)):
                return getattr(self, name), {k: v for k, v in match.groupdict().items() if v is not None}
        return None


async def accept_no_more(listener: socket.socket) -> None:
    """To be awaited before a server of this loop is closed: a connection that was accepted just before would be dropped
    half-made, and its socket found by the collector in the middle of another test.
    """
    asyncio.get_running_loop().remove_reader(listener.fileno())
    for _step in range(3):  # the task that makes the connection, what it calls soon, and the connection's first step
        await asyncio.sleep(0)


class _Loop:
    """The one thread and event loop that all scripted servers of this process share."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="scripted upstream", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(PATIENCE)


_shared: list[_Loop] = []


def _the_loop() -> _Loop:
    if not _shared:
        _shared.append(_Loop())
    return _shared[0]


class Upstream:
    """A scripted provider on a loopback port of its own. See `tests.upstream` for the guide."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        from tests.upstream import PROTOCOLS  # they import this module

        self.history: list[Received] = []
        self.key = ""  # when set, requests without it are answered 401
        self._arrived = threading.Condition()
        self._queue: deque[tuple[str, str, Behaviour]] = deque()
        self._always: list[tuple[str, str, Behaviour]] = []
        self._tls, self._host, self._port = tls, host, port
        self._runner: web.AppRunner | None = None
        self._listener: socket.socket
        self.protocols = {name: make(self) for name, make in PROTOCOLS.items()}

    def __getattr__(self, name: str) -> Any:
        """`upstream.openai`, `upstream.comfyui` …: the protocol of that name."""
        try:
            return self.__dict__["protocols"][name]
        except KeyError:
            raise AttributeError(name) from None

    # --- its life ---

    def start(self) -> "Upstream":
        _the_loop().run(self._start())
        return self

    def stop(self) -> None:
        """Close the port and every connection; calling it twice is fine."""
        runner, self._runner = self._runner, None
        if runner is not None:
            _the_loop().run(self._end(runner))

    def __enter__(self) -> "Upstream":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        self._listener = socket.create_server((self._host, self._port), backlog=128)
        self._port = self._listener.getsockname()[1]
        await web.SockSite(self._runner, self._listener, ssl_context=self._tls).start()

    async def _end(self, runner: web.AppRunner) -> None:
        await accept_no_more(self._listener)
        await runner.cleanup()

    @property
    def port(self) -> int:
        return self._port

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def url(self) -> str:
        """The base URL of the OpenAI protocol."""
        return f"{self.origin}/v1"

    # --- the script ---

    def script(self, *behaviours: Behaviour, path: str = "", method: str = "") -> None:
        """Queue answers, each used once, in order.

        `path` is the end of the paths meant (`"/chat/completions"`); without it every POST is meant, so that a model
        list fetched in the background takes nobody's answer.
        """
        for behaviour in behaviours:
            self._queue.append((path, method or ("" if path else "POST"), behaviour))

    def always(self, behaviour: Behaviour, *, path: str = "", method: str = "") -> None:
        """The answer whenever the queue holds none; the newest fitting one wins."""
        self._always.insert(0, (path, method or ("" if path else "POST"), behaviour))

    def answer(self, content: Any = "", **options: Any) -> None:
        """Queue one chat answer: `upstream.script(openai.chat(content, …))` on the chat path."""
        from tests.upstream.openai import chat

        self.script(chat(content, **options), path="/chat/completions")

    def _scripted(self, received: Received) -> Behaviour | None:
        def fits(path: str, method: str) -> bool:
            return received.path.endswith(path) and method in ("", received.method)

        for entry in self._queue:
            if fits(entry[0], entry[1]):
                self._queue.remove(entry)
                return entry[2]
        return next((behaviour for path, method, behaviour in self._always if fits(path, method)), None)

    # --- the history ---

    @property
    def last(self) -> Received:
        """The newest request."""
        assert self.history, "the upstream has received nothing"
        return self.history[-1]

    def asked(self, path: str, method: str = "") -> list[Received]:
        """The requests whose path ends so."""
        return [one for one in self.history if one.path.endswith(path) and method in ("", one.method)]

    @property
    def chats(self) -> list[Received]:
        return self.asked("/chat/completions", "POST")

    def wait_for(self, path: str, count: int = 1, timeout: float = PATIENCE) -> Received:
        """Block until `count` requests came to paths that end so; return the newest of them."""
        end = time.monotonic() + timeout
        with self._arrived:
            while len(self.asked(path)) < count:
                assert self._arrived.wait(max(0.0, end - time.monotonic())), (
                    f"{count} requests to …{path} wanted, {len(self.asked(path))} came within {timeout} s: "
                    f"{[f'{one.method} {one.path}' for one in self.history]}"
                )
        return self.asked(path)[-1]

    # --- answering ---

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        received = Received(
            request.method,
            request.path,
            request.raw_path,
            dict(request.query),
            request.headers.copy(),
            await request.read(),
            request,
        )
        with self._arrived:
            self.history.append(received)
            self._arrived.notify_all()
        try:
            return await self._respond(received)
        except (asyncio.CancelledError, ConnectionError):
            received.closed.set()
            raise
        finally:
            received.done.set()

    async def _respond(self, received: Received) -> web.StreamResponse:
        behaviour: Any = self._scripted(received)
        if behaviour is None and self.key and received.key != self.key:
            behaviour = in_json(
                {
                    "error": {
                        "message": "Incorrect API key provided.",
                        "type": "invalid_request_error",
                        "param": None,
                        "code": "invalid_api_key",
                    }
                },
                401,
            )
        behaviour = behaviour or self._spoken(received)
        reply = behaviour(received) if callable(behaviour) else behaviour
        if asyncio.iscoroutine(reply):
            reply = await reply
        if isinstance(reply, web.StreamResponse):
            return reply
        return await _send(reply, received)

    def _spoken(self, received: Received) -> Handler:
        for protocol in self.protocols.values():
            if found := protocol.handler_for(received.method, received.path):
                received.params = found[1]
                return found[0]
        message = f"Unknown request URL: {received.method} {received.path}."
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": "unknown_url"}
        return lambda _: in_json({"error": error}, 404)


async def _send(reply: Reply, received: Received) -> web.StreamResponse:
    request = received.request
    for step in reply.before:
        if await _take(step, None, received):
            return web.Response()  # the connection is gone; nobody reads this
    response = web.StreamResponse(status=reply.status)
    for name, value in reply.header_pairs():
        response.headers.add(name, value)
    steps: Iterable[Step]
    if reply.steps is None:
        if "Content-Length" not in response.headers:
            response.content_length = len(reply.body)
        steps = [reply.body] if reply.body else []
    else:
        if "Content-Length" not in response.headers:
            response.enable_chunked_encoding()
        steps = reply.steps
    await response.prepare(request)
    for step in steps:
        if await _take(step, response, received):
            return response
    await response.write_eof()
    return response


async def _take(step: Step, response: web.StreamResponse | None, received: Received) -> bool:
    """Take one step; true when the connection is over with it."""
    transport = received.request.transport
    match step:
        case Gate():
            await step.stand()
        case Pause():
            await asyncio.sleep(step.seconds)
        case Raw():
            assert transport is not None
            transport.write(step.data)
        case Cut("end"):
            if response is not None:
                await response.write_eof()
            return True
        case Cut(how):
            if transport is not None:
                _close(transport, hard=how == "reset")
            return True
        case _:
            assert response is not None, "the body begins after the status line"
            data = step.encode() if isinstance(step, str) else step
            await response.write(data)
            received.sent += len(data)
    return False


def _close(transport: asyncio.BaseTransport, *, hard: bool) -> None:
    """Close a connection under its response; `hard` sends a TCP reset instead of a proper end."""
    sock = transport.get_extra_info("socket")
    if hard and sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()  # type: ignore[attr-defined]
    else:
        transport.close()


def unused_port() -> int:
    """A loopback port at which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def silent_listener() -> Iterator[str]:
    """The origin of a port that takes connections and never reads or answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextlib.contextmanager
def full_listener() -> Iterator[str]:
    """The origin of a port to which a connection never comes about: its queue is full, so the asking is dropped."""
    with socket.socket() as sock, contextlib.ExitStack() as stack:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
