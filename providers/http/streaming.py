"""The HTTP client for event loops: aiohttp, with a pool per loop and reach.

Bytes come as the server sent them. No redirect is followed, no cookie stored. Requests ask for identity; what a server
packs all the same is unpacked where the caller says so (`unpacked`), and in errors, in which secrets are looked for.
"""

import asyncio
import io
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from yarl import URL

from providers import runtime
from providers.errors import GatewayError
from providers.http import _aiohttp_private, failures, local
from providers.http.bodies import PiecewiseBody, SentBody
from providers.http.content_encoding import (
    CannotUnpack,
    ErrorUnpacker,
    Unpacker,
    codings_of,
    unpacker_for,
    without_packing,
)
from providers.http.pace import STEP, Pace
from providers.http.policy import LONGEST_LINE, Limits, Reach, Tls, soonest, tls_context, vet
from providers.http.redaction import NO_SECRETS, Secrets
from providers.process import waiting

LARGE_BODY = 2**18  # bytes; a larger body is written in pieces, so that the loop is not blocked
# A failure within this time on a pooled connection means that the server closed it while idle and read no request.
STALE_SECONDS = 1.0
CLOSE_SECONDS = 1.0  # how long the end of a process waits for a running loop
DEFAULT_LIMITS = Limits()
DEFAULT_TLS = Tls()
DEFAULT_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "webui"}


def _vetted_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for an address of the public internet. aiohttp connects it to the address vetted here and no other."""
    family, kind, protocol, _name, address = info
    vet(str(address[0]))
    return socket.socket(family, kind, protocol)


def _connector(reach: Reach) -> aiohttp.TCPConnector:
    if reach is Reach.PUBLIC:
        return _aiohttp_private.Connector(limit=0, socket_factory=_vetted_socket, happy_eyeballs_delay=None)
    return _aiohttp_private.Connector(limit=0)


class _Pools:
    """The sessions of one event loop. The loop closes them at its end, when it shuts asynchronous generators down."""

    def __init__(self) -> None:
        self.sessions: dict[Reach, aiohttp.ClientSession] = {}
        self._end = self._until_the_loop_ends()

    async def open(self, reach: Reach) -> aiohttp.ClientSession:
        if not self.sessions:
            await anext(self._end)
        self.sessions[reach] = session = aiohttp.ClientSession(
            connector=_connector(reach),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=DEFAULT_HEADERS,
            auto_decompress=False,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        return session

    async def close(self) -> None:
        await self._end.aclose()

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            for session in self.sessions.values():
                await session.close()
            self.sessions.clear()


class LoopPools:
    """The pools of every running loop."""

    def __init__(self) -> None:
        self.by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()

    def close(self) -> None:
        """Close the pools of the loops that still run."""
        for loop, pools in list(self.by_loop.items()):
            if loop.is_running():
                with suppress(TimeoutError):
                    asyncio.run_coroutine_threadsafe(pools.close(), loop).result(CLOSE_SECONDS)
            elif not loop.is_closed():
                loop.run_until_complete(pools.close())


async def _session(loop: asyncio.AbstractEventLoop, reach: Reach) -> aiohttp.ClientSession:
    by_loop = runtime.state(LoopPools).by_loop
    pools = by_loop.get(loop)
    if pools is None:
        pools = by_loop[loop] = _Pools()
    return pools.sessions.get(reach) or await pools.open(reach)


async def aclose() -> None:
    """Close the running loop's pools. `asyncio.run` and the like do it by themselves."""
    pools = runtime.state(LoopPools).by_loop.pop(asyncio.get_running_loop(), None)
    if pools is not None:
        await pools.close()


@lru_cache(maxsize=1024)
def _parsed(url: str) -> URL:
    """Parse a URL that is quoted already, without a change."""
    return URL(url, encoded=True)


@lru_cache(maxsize=1024)
def _is_plain(url: URL) -> bool:
    """Whether nothing in the URL has to become a header or an error of its own."""
    return url.scheme in ("http", "https") and bool(url.raw_host) and not url.raw_user and not url.raw_password


@lru_cache(maxsize=64)
def _timeout(limits: Limits) -> aiohttp.ClientTimeout:
    """aiohttp's timeout for connecting only. `Pace` bounds the body: aiohttp's read timeout restarts at each byte."""
    return aiohttp.ClientTimeout(total=None, connect=soonest(limits.connect, limits.total), sock_read=None)


class StreamedResponse(PiecewiseBody):
    """The response of a server: status and headers at once, the body as it comes.

    Reading raises NetworkError for a body that breaks off, UpstreamTimeout when it does not come on, ProviderError when
    too large.
    """

    __slots__ = (
        "_cleaner",
        "_error_unpacker",
        "_failure",
        "_loop",
        "_pace",
        "_remaining",
        "_response",
        "_rests",
        "_timed_out",
        "_timer",
        "_unpacker",
        "_waits",
        "headers",
        "is_packed",
        "status",
    )

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        loop: asyncio.AbstractEventLoop,
        pace: Pace,
        max_bytes: int | None,
        secrets: Secrets = NO_SECRETS,
        unpacked: bool = False,
    ) -> None:
        self._response = response
        self._remaining = max_bytes
        self._loop = loop
        self._pace = pace
        self._timer: asyncio.TimerHandle | None = None
        self._waits = self._timed_out = False
        self._rests = True  # whether the next reader that waits has to set the timer
        self._failure: GatewayError | None = None  # to be raised after the bytes that were held back
        self.status = response.status
        pace.bound(self.status, response.headers.get("Content-Type", ""))
        self._cleaner = secrets.cleaner(error=self.status >= 400) if secrets else None
        self._unpacker: Unpacker | None = None
        self._error_unpacker: ErrorUnpacker | None = None
        self.headers = secrets.clean_headers(list(response.headers.items()))
        self.is_packed = "Content-Encoding" in response.headers  # its bytes, as they are read here
        if self.is_packed:
            if self.status >= 400 and (secrets or unpacked) and (codings := codings_of(self.headers)):
                self._error_unpacker = ErrorUnpacker(codings)
            elif unpacked:
                self._unpacker = unpacker_for(self.headers)
            if self._unpacker or self._error_unpacker:
                self.headers = without_packing(self.headers)
                self.is_packed = False

    @property
    def is_at_end(self) -> bool:
        """Whether all bytes have arrived and were taken, so that the next read does not wait."""
        return self._unpacker is None and self._response.content.at_eof()

    async def read_some(self) -> bytes:
        """The bytes that have arrived, waiting for some; b"" at the end of the body. Never reads ahead."""
        cleaner = self._cleaner
        if cleaner is None:
            return await self._read_plain()
        if self._failure is not None:
            raise self._failure
        while True:
            try:
                piece = await self._read_plain()
            except GatewayError as error:
                if not (held := cleaner.flush()):
                    raise
                self._failure = error
                return held
            if not piece:
                return cleaner.flush()
            if cleaned := cleaner.feed(piece):
                return cleaned

    async def read_beginning(self) -> bytes:
        """The first bytes, up to the first step of the body (`providers.http.pace`) or the last that arrived of it; a
        few at its end may be held back for the next read.
        """
        piece = beginning = await self.read_some()
        while piece and not self._pace.has_begun and len(beginning) < STEP and not self.is_at_end:
            piece = await self.read_some()
            beginning += piece
        return beginning

    async def _read_plain(self) -> bytes:
        """The next bytes, unpacked where that is wanted; b"" at the end of the body."""
        if self._unpacker is None and self._error_unpacker is None:
            return self._count(await self._read())
        while True:
            try:
                if self._unpacker is not None and (plain := self._unpacker.take()):
                    return self._count(plain)
                if not (piece := await self._read()):
                    if self._unpacker is not None:
                        self._unpacker.end()
                    return b""
            except CannotUnpack as error:
                self._response.close()
                raise failures.network_error(failures.BADLY_PACKED) from error
            if self._unpacker is not None:
                self._unpacker.feed(piece)
            elif self._error_unpacker is not None and (plain := self._error_unpacker.feed(piece)):
                return self._count(plain)

    def _count(self, piece: bytes) -> bytes:
        if self._remaining is not None:
            self._remaining -= len(piece)
            if self._remaining < 0:
                raise failures.too_large()
        return piece

    async def _read(self) -> bytes:
        content, pace, time_of = self._response.content, self._pace, self._loop.time
        if content.at_eof():  # nothing to wait for
            return b""
        now = time_of()
        pace.wait(now)
        piece: bytes
        if content.exception() is None and (piece := content.read_nowait()):  # here already
            if pace.took(piece, now) and self._is_before_timer(pace.deadline):
                self._rests = True
            if self._timer is None and not content.at_eof():
                self._set_timer()  # for the end of the whole: perhaps no reader ever waits
            return piece
        self._waits = True
        if self._rests:
            self._set_timer()
        try:
            piece = await content.readany()
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            piece = b"" if self._timed_out else _aiohttp_private.read_rest(content)
            if not piece:
                raise (failures.timeout_error() if self._timed_out else failures.of(error, _own)) from error
        finally:
            self._waits = False
        if pace.took(piece, time_of()) and self._is_before_timer(pace.deadline):
            self._rests = True
        return piece

    def _is_before_timer(self, deadline: float | None) -> bool:
        return deadline is not None and (self._timer is None or deadline < self._timer.when())

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rests = not self._waits
        deadline = self._pace.deadline if self._waits else self._pace.ends
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        """Close the response if a deadline is over. The timer looks now and then: to set it anew for each piece would
        cost more than all the rest.
        """
        deadline = self._pace.deadline if self._waits else self._pace.ends
        if deadline is not None and deadline <= self._loop.time():
            self._timed_out = True
            self._response.close()
        else:
            self._set_timer()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._response.close()


class stream:
    """Send a request: `async with http.stream(…) as response`. Leaving the context before the end of the body closes
    the connection at once.

    Raises NetworkError, UpstreamTimeout, AddressRefused or ConfigurationError (an unreadable CA file). A class instead
    of a generator, because every call to a model passes here and a generator is slower.
    """

    __slots__ = ("_limits", "_reach", "_redirects", "_request", "_response", "_secrets", "_unpacked", "_url")

    def __init__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | SentBody | None = None,
        limits: Limits = DEFAULT_LIMITS,
        tls: Tls = DEFAULT_TLS,
        reach: Reach = Reach.CONFIGURED,
        secrets: Secrets = NO_SECRETS,
        unpacked: bool = False,
        redirects: bool = False,
    ) -> None:
        self._url = url
        self._redirects = redirects  # whether a redirect is a response too, instead of an error
        self._unpacked = unpacked
        self._secrets = secrets
        self._limits = limits
        self._reach = reach
        self._request = (method, headers, body, limits, tls)
        self._response: StreamedResponse | None = None

    async def __aenter__(self) -> StreamedResponse:
        limits = self._limits
        loop = asyncio.get_running_loop()
        pace = Pace(limits, loop.time())
        if self._reach is Reach.CONFIGURED and local.is_local(self._url):
            self._url = await waiting.in_own_thread(local.locate, self._url)
        session = await _session(loop, self._reach)
        try:
            async with asyncio.timeout_at(pace.deadline):
                response = await _send(session, self._url, *self._request)
        except TimeoutError as error:
            raise failures.timeout_error() from error
        self._response = StreamedResponse(response, loop, pace, limits.max_bytes, self._secrets, self._unpacked)
        if response.status in failures.REDIRECTS and not self._redirects:
            self._response.close()
            raise failures.redirected(self._url, response.headers.get("Location", ""), self._secrets)
        return self._response

    async def __aexit__(self, *_error: object) -> None:
        if self._response is not None:
            self._response.close()


async def _send(
    session: aiohttp.ClientSession,
    url: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes | SentBody | None,
    limits: Limits,
    tls: Tls,
) -> aiohttp.ClientResponse:
    """Send the request, and once more where a pooled connection was dead, because then no server read it."""
    if body is not None and not isinstance(body, bytes):
        headers = {**headers, "Content-Length": str(body.size)}  # without it the body would be sent in chunks
    while True:
        _aiohttp_private.dialled.set(False)
        started = time.monotonic()
        try:
            parsed = _parsed(url)
            if isinstance(body, bytes) and len(body) < LARGE_BODY and _is_plain(parsed):
                return await _aiohttp_private.send_bytes(
                    session, method, parsed, headers, body, _timeout(limits), tls_context(tls)
                )
            return await session.request(
                method,
                parsed,
                headers=headers,
                data=_data(body),
                allow_redirects=False,
                timeout=_timeout(limits),
                ssl=tls_context(tls),
            )
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError) as error:
            if _aiohttp_private.dialled.get() or time.monotonic() - started > STALE_SECONDS:
                raise failures.of(error, _own) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise failures.of(error, _own) from error


def _data(body: bytes | SentBody | None) -> Any:
    if body is None or isinstance(body, bytes):
        return body if body is None or len(body) < LARGE_BODY else io.BytesIO(body)
    return body.pieces()


def _own(error: BaseException) -> GatewayError | None:
    """Our error for an exception of aiohttp that is not also one of Python's own."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return failures.network_error(failures.UNKNOWN_HOST)
        case aiohttp.ClientConnectorError() if not isinstance(error, ssl.SSLError):
            return failures.network_error(failures.UNREACHABLE)
        case aiohttp.NonHttpUrlClientError():
            return failures.unusable_address()
        case aiohttp.ClientResponseError():
            return failures.network_error(failures.NOT_HTTP)
    return None
