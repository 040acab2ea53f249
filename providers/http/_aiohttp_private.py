"""Private names of aiohttp: connections of our own, requests that are written at once, heads that it refuses, and what
came before a connection broke.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import TimerNoop
from aiohttp.http import HttpVersion11, StreamWriter
from aiohttp.http_writer import _serialize_headers
from multidict import CIMultiDict
from yarl import URL

LONGEST_HEAD = 2**20  # bytes that are held back of a head
# Whether the current request opened a connection instead of taking one from the pool.
dialled: ContextVar[bool] = ContextVar("dialled", default=False)


class Connector(aiohttp.TCPConnector):
    """Notes that the current request opened its connection.

    The documented way is a TraceConfig, which costs every request a dozen awaits.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(_Protocol, loop=self._loop)  # type: ignore[assignment]

    async def _create_connection(self, *args: Any, **options: Any) -> Any:
        dialled.set(True)
        return await super()._create_connection(*args, **options)


async def send_bytes(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    headers: Mapping[str, str],
    body: bytes,
    limits: aiohttp.ClientTimeout,
    ssl: Any,
) -> aiohttp.ClientResponse:
    """`session.request` for bytes to an `http` or `https` URL without a user. Raises as it does.

    It leaves out what is never wanted here: redirects, cookies, proxies, traces, aiohttp's timers.
    """
    request = _BytesRequest(session, method, url, headers, body, ssl)
    assert session.connector is not None  # noqa: S101  the session is open
    try:
        connection = await session.connector.connect(request, [], limits)
    except TimeoutError as error:
        raise aiohttp.ConnectionTimeoutError from error
    protocol = connection.protocol
    assert protocol is not None  # noqa: S101  it is connected
    protocol.set_response_params(
        timer=request._timer,
        read_until_eof=True,
        auto_decompress=session.auto_decompress,
        read_bufsize=session._read_bufsize,
        max_line_size=session._max_line_size,
        max_field_size=session._max_field_size,
        max_headers=session._max_headers,
    )
    try:
        return await (await request.send(connection)).start(connection)
    except BaseException:
        connection.close()
        raise


class _BytesRequest(aiohttp.ClientRequest):
    """A request with its body, written in one piece with its head. aiohttp starts a task to write a body."""

    def __init__(
        self, session: aiohttp.ClientSession, method: str, url: URL, headers: Mapping[str, str], body: bytes, ssl: Any
    ) -> None:
        """Sets what `super().__init__` would have worked out."""
        self._session = session
        self.loop = session._loop
        self.method = method
        self.url = self.original_url = url
        self.version = HttpVersion11
        self.headers: CIMultiDict[str] = CIMultiDict(Host=url.host_port_subcomponent or "")
        self.headers.update(session.headers)
        self.headers.update(headers)
        if "Accept" not in self.headers:
            self.headers["Accept"] = "*/*"
        self.headers["Content-Length"] = str(len(body))
        self._bytes = body
        self._timer = TimerNoop()
        self._traces = []
        self._ssl = ssl
        self.server_hostname = None
        self.chunked = self.compress = self.length = None
        self.proxy = self.proxy_auth = self.proxy_headers = None

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        protocol, transport = conn.protocol, conn.transport
        if protocol is None or transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("The connection is closed.")
        # Nobody waits until it is written: a server may answer before it has read the body.
        transport.write(
            _serialize_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers) + self._bytes
        )
        return aiohttp.ClientResponse(
            self.method,
            self.url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=StreamWriter(protocol, self.loop),
        )


class _Protocol(ResponseHandler):
    """Reads responses whose head has both `Transfer-Encoding: chunked` and `Content-Length`: chunked wins, as
    https://www.rfc-editor.org/rfc/rfc9112#section-6.3 says. aiohttp's parser refuses them, without a choice.
    """

    def set_response_params(self, **options: Any) -> None:
        early, self._tail = self._tail, b""  # bytes that came before the request was complete
        super().set_response_params(**options)
        if self._parser is not None:
            self._parser = _Head(self, self._parser)  # type: ignore[assignment]
        self._tail = early
        self._drain_tail()


class _Head:
    """Buffers the head of a response until it is complete. The body goes straight to the parser."""

    __slots__ = ("_held", "_parser", "_protocol")

    def __init__(self, protocol: Any, parser: Any) -> None:
        self._protocol, self._parser = protocol, parser
        self._held = b""

    def feed_data(self, data: bytes) -> Any:
        data = self._held + data if self._held else data
        start, end = 0, _end_of_head(data, 0)
        while end >= 0 and data.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1"), start):  # another head follows
            start, end = end, _end_of_head(data, end)
        if end < 0 and _may_be_http(data[start : start + 5]) and len(data) < LONGEST_HEAD:
            self._held = data
            return (), False, b""
        self._held = b""
        self._protocol._parser = self._parser
        return self._parser.feed_data(data if end < 0 else _without_length(data, start, end))

    def feed_eof(self) -> Any:
        if self._held:
            self._parser.feed_data(self._held)
        return self._parser.feed_eof()

    def pause_reading(self) -> None:
        self._parser.pause_reading()


def _may_be_http(beginning: bytes) -> bool:
    return beginning == b"HTTP/"[: len(beginning)]


def _end_of_head(data: bytes, start: int) -> int:
    """The end of the head that begins at `start`; -1 while it is incomplete."""
    end = data.find(b"\n\r\n", start)
    if end >= 0:
        return end + 3
    end = data.find(b"\n\n", start)
    return end + 2 if end >= 0 else -1


def _without_length(data: bytes, start: int, end: int) -> bytes:
    lower = data[start:end].lower()
    if b"\ntransfer-encoding:" not in lower or b"\ncontent-length:" not in lower:
        return data
    lines = data[start:end].splitlines(keepends=True)
    remaining = [line for line in lines if not line.lower().startswith(b"content-length:")]
    return b"".join((data[:start], *remaining, data[end:]))


def read_rest(content: aiohttp.StreamReader) -> bytes:
    """The bytes that came before the connection broke. aiohttp raises first, and no public call returns them."""
    return content._read_nowait(-1)
