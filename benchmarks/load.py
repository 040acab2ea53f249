"""The load: raw asyncio connections that send one prepared request again and again and look for its end."""

import asyncio
import re
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
SEEN = re.compile(rb"\r\nopenai-seen: *([\d.]+)", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Target:
    """Where to send what."""

    url: str
    key: str = ""

    def request(self, *, stream: str = "", more: str = "") -> bytes:
        """One chat completion as bytes; `stream` is the upstream's order such as `100 frames, 20 ms`."""
        order = f',"stream":true,"user":"{stream}"' if stream else more
        words = "Why is the sky blue? Answer in one sentence, please."
        body = f'{{"model":"bench","messages":[{{"role":"user","content":"{words}"}}]{order}}}'.encode()
        address = urlsplit(self.url)
        return (
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Asking(asyncio.Protocol):
    """One keep-alive connection; `ask()` sends and resolves at the end of the answer."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] | None = None
        self.head = b""
        self.missing = -1  # bytes of a body with a length; -1 = chunked, or the head is not complete
        self.tail = b""
        self.first = 0.0  # when the first byte of the body came

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_exception(ConnectionError(f"the server closed the connection: {error}"))

    def ask(self, request: bytes) -> "asyncio.Future[None]":
        self.head, self.tail, self.missing, self.first = b"", b"", -1, 0.0
        self.done = self.loop.create_future()
        self.transport.write(request)
        return self.done

    def data_received(self, data: bytes) -> None:
        if not self.tail and self.missing < 0:  # still in the head
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.head.startswith(b"HTTP/1.1 200"):
                self._fail(self.head)
                return
            data = self.head[end + 4 :]
            found = LENGTH.search(self.head, 0, end)
            self.missing = int(found[1]) if found else -1
            self.tail = b"\n"  # not empty: the body has begun
        if not data:
            return
        if not self.first:
            self.first = perf_counter()
        if self.missing >= 0:
            self.missing -= len(data)
            if self.missing <= 0:
                self._finish()
            return
        self.tail = (self.tail + data)[-5:]
        if self.tail == LAST_CHUNK:
            self._finish()

    def _finish(self) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(None)

    def _fail(self, answer: bytes) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_exception(RuntimeError(answer[:400].decode(errors="replace")))


@asynccontextmanager
async def _connected(target: Target, count: int) -> AsyncIterator[list[Asking]]:
    """`count` open connections, closed in the end."""
    address = urlsplit(target.url)
    connect = asyncio.get_running_loop().create_connection
    made = await asyncio.gather(*(connect(Asking, address.hostname, address.port) for _ in range(count)))
    try:
        yield [asking for _transport, asking in made]
    finally:
        for transport, _asking in made:
            transport.close()


@dataclass(frozen=True)
class Rate:
    """Requests per second, and how many there were in all, the warming ones included."""

    per_second: float
    requests: int


async def throughput(target: Target, connections: int, seconds: float) -> Rate:
    """Load over keep-alive connections, each of which asks again as soon as it was answered."""
    request = target.request()

    async def work(asking: Asking, until: float) -> int:
        count = 0
        while perf_counter() < until:
            await asking.ask(request)
            count += 1
        return count

    async with _connected(target, connections) as askings:
        warm = await asyncio.gather(*(work(asking, perf_counter() + seconds / 5) for asking in askings))
        began = perf_counter()
        counts = await asyncio.gather(*(work(asking, began + seconds) for asking in askings))
        took = perf_counter() - began
    return Rate(sum(counts) / took, sum(warm) + sum(counts))


async def first_byte(target: Target, requests: int) -> float:
    """The median of seconds from a streamed request to the first byte of its body, one request after the other."""
    request = target.request(stream="10 frames, 0 ms")
    waits = []
    async with _connected(target, 1) as (asking,):
        for number in range(requests + requests // 5):
            began = perf_counter()
            await asking.ask(request)
            if number >= requests // 5:
                waits.append(asking.first - began)
    return statistics.median(waits)


async def until_upstream(target: Target, requests: int, *, more: str = "") -> float:
    """The median of seconds from a request to the moment in which the upstream has it; `more` goes into the body."""
    request = target.request(more=f',"user":"seen"{more}')
    waits = []
    async with _connected(target, 1) as (asking,):
        for number in range(requests + requests // 5):
            began = monotonic()
            await asking.ask(request)
            seen = SEEN.search(asking.head)
            if seen is None:
                raise RuntimeError("The upstream's time was lost on its way")
            if number >= requests // 5:
                waits.append(float(seen[1]) - began)
    return statistics.median(waits)


@dataclass(frozen=True)
class Paced:
    """How long streams took against how long they had to take, and what the server weighed in the middle."""

    middle: float  # ratio, median of the streams
    late: float  # ratio, 95th of a hundred
    memory: float  # megabytes


async def paced(target: Target, streams: int, frames: int, pause_ms: int, weigh: Callable[[], float]) -> Paced:
    """`streams` streams at once, opened over one second as people would; a length counts from request to last byte."""
    request = target.request(stream=f"{frames} frames, {pause_ms} ms")
    ideal = frames * pause_ms / 1000

    async def one(number: int, asking: Asking) -> float:
        await asyncio.sleep(number / streams)
        began = perf_counter()
        await asking.ask(request)
        return (perf_counter() - began) / ideal

    async def weighing() -> float:
        await asyncio.sleep(1 + (ideal - 1) / 2)  # all are open, none has ended
        return weigh()

    async with _connected(target, streams) as askings:
        memory, *ratios = await asyncio.gather(weighing(), *(one(n, asking) for n, asking in enumerate(askings)))
    ratios.sort()
    return Paced(statistics.median(ratios), ratios[int(len(ratios) * 0.95)], memory)
