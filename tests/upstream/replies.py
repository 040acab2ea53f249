"""Scripted responses: `Reply`, the steps of its body, and shortcuts."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.upstream.core import Received

PATIENCE = 20.0  # seconds a test waits for something that must happen before it fails


class Gate:
    """A place in an answer where it stands still until the test says `open()`.

    `wait()` blocks the test until the answer has come to the gate; `await arrived()` is the same for async tests.
    """

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self._standing: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def reached(self) -> bool:
        return self._reached.is_set()

    def wait(self, timeout: float = PATIENCE) -> None:
        assert self._reached.wait(timeout), f"no answer came to the gate within {timeout} s"

    async def arrived(self) -> None:
        await asyncio.to_thread(self.wait)

    def open(self) -> None:
        with self._lock:
            self._opened.set()
            for loop, event in self._standing:
                loop.call_soon_threadsafe(event.set)
            self._standing.clear()

    async def stand(self) -> None:
        """The server's side: return once the gate is open."""
        event = asyncio.Event()
        with self._lock:
            if not self._opened.is_set():
                self._standing.append((asyncio.get_running_loop(), event))
            else:
                event.set()
        self._reached.set()
        await event.wait()


@dataclass(frozen=True)
class Pause:
    """Stand still for some seconds; for demos and for time limits, never to make a test pass."""

    seconds: float


@dataclass(frozen=True)
class Raw:
    """Bytes written to the connection as they are, below HTTP: for answers that are no HTTP at all."""

    data: bytes


@dataclass(frozen=True)
class Cut:
    """The end of the answer: `reset` (TCP RST), `drop` (closed in mid-body), `end` (a proper end, only too early)."""

    how: str


RESET, DROP, END = Cut("reset"), Cut("drop"), Cut("end")
Step = bytes | str | Gate | Pause | Raw | Cut


@dataclass(frozen=True)
class Reply:
    """One HTTP answer. With `steps` the body is sent chunked, step by step; else `body` goes out with its length.

    `before` holds steps to take before the status line: gates, pauses, cuts, raw bytes.
    """

    status: int = 200
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = field(default_factory=dict)
    body: bytes = b""
    steps: Iterable[Step] | None = None  # may have no end
    before: Sequence[Step] = ()

    def header_pairs(self) -> list[tuple[str, str]]:
        return list(self.headers.items()) if isinstance(self.headers, Mapping) else list(self.headers)

    def with_(self, **changes: Any) -> "Reply":
        return replace(self, **changes)


# What a test queues: a fixed answer, or a function of the request (sync) that makes one.
Behaviour = Reply | Callable[["Received"], Reply]


def in_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None, **reply: Any) -> Reply:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, body, **reply)


def in_text(
    value: str, status: int = 200, headers: Mapping[str, str] | None = None, *, content_type: str = "text/plain"
) -> Reply:
    return Reply(status, {"Content-Type": f"{content_type}; charset=utf-8", **(headers or {})}, value.encode())


def in_html(status: int = 502, title: str = "Bad Gateway") -> Reply:
    """The page that a proxy in front of a provider sends when the provider is away."""
    page = f"<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1><hr>nginx</body></html>"
    return in_text(page, status, content_type="text/html")


def in_bytes(data: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": content_type, **(headers or {})}, data)


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, {"Location": location})


def gzipped(reply: Reply) -> Reply:
    """The answer compressed although nobody asked for it, as some proxies do."""
    pairs = dict(reply.header_pairs())
    return reply.with_(headers={**pairs, "Content-Encoding": "gzip"}, body=gzip.compress(reply.body))


def no_http() -> Reply:
    """A response that is not HTTP."""
    return Reply(before=[Raw(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), DROP])


def reset() -> Reply:
    """The connection is reset before a status line."""
    return Reply(before=[RESET])


def sse(*frames: Any, done: bool = True, newline: str = "\n", status: int = 200, **reply: Any) -> Reply:
    """A stream of `data:` frames: dicts become JSON, texts go out as data, every other step is taken as it is."""
    steps: list[Step] = []
    for item in frames:
        if isinstance(item, dict):
            steps.append(frame(item, newline=newline))
        elif isinstance(item, str):
            steps.append(f"data: {item}{newline * 2}".encode())
        else:
            steps.append(item)
    if done:
        steps.append(f"data: [DONE]{newline * 2}".encode())
    return Reply(status, {"Content-Type": "text/event-stream; charset=utf-8"}, steps=steps, **reply)


def frame(data: Any, *, event: str = "", newline: str = "\n") -> bytes:
    """One server-sent event as bytes."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{f'event: {event}{newline}' if event else ''}data: {text}{newline * 2}".encode()
