"""One call to a provider: who may, where to, in what form, and the bytes back as they come.

Sources are tried in order until one answers: the next takes over after a network error, a 429 or a 5xx, and only before
the first byte of an answer has arrived. Leaving a call closes its connection to the provider and records its usage.
"""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import orjson
from django.utils.translation import gettext_lazy as _

from providers import catalogue, error_responses, http
from providers.errors import ConfigurationError, Forbidden, GatewayError, NetworkError, ProviderError
from providers.facts import Caller, Route, Source
from providers.relay import payload, rate_limits, routing, usage
from providers.upstream.endpoints import endpoint
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for, plain

# Of the provider's own headers, those that mean something to a client of ours. The rest ends here: what belongs to
# the hop, cookies, server names. The length goes along because the bytes do, unchanged: whoever gets fewer knows it.
PASSED = frozenset(
    {
        "content-type",
        "content-encoding",
        "content-length",
        "retry-after",
        "retry-after-ms",
        "x-request-id",
        "x-should-retry",
    }
)
PASSED_FAMILIES = ("x-ratelimit-", "openai-")
UNBUFFERED = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))  # for proxies in front of us

Operation = Literal["chat", "embeddings", "responses"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call, as the caller means it. `payload["model"]` is a public id."""

    operation: Operation
    caller: Caller
    payload: dict[str, Any] = field(repr=False)
    raw: bytes | None = field(
        default=None, repr=False
    )  # the body as it came; sent on where no rule changes the payload
    chat_id: str = ""
    message_id: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    kind: str = ""  # for usage; the operation where empty


def ask_for(operation: Operation, caller: Caller, body: bytes, cookies: Mapping[str, str]) -> Ask:
    """What both entrances make of a request. Raises Forbidden and BadRequest."""
    admit(caller)
    return Ask(operation, caller, payload.read(operation, body), raw=body, cookies=cookies)


def admit(caller: Caller) -> None:
    """Raises Forbidden where the caller's key was made for something else."""
    if not caller.may("inference"):
        raise Forbidden(_("This API key was not made for calling models."), code="insufficient_scope")


class Reply:
    """A provider's answer whose first byte is here. Made by `call` and `begin`; its maker closes it."""

    __slots__ = (
        "_admission",
        "_answer",
        "_ask",
        "_closed",
        "_first",
        "_first_byte_ms",
        "_frames",
        "_outcome",
        "_started",
        "_stream",
        "_tail",
        "connection",
        "connection_id",
        "headers",
        "public_id",
        "status",
    )

    def __init__(self, ask: Ask, route: Route, source: Source, admission: rate_limits.Admission | None = None) -> None:
        self.public_id = route.public_id
        self.connection = source.connection.name
        self.connection_id = source.connection.id
        self.status = 0
        self.headers: list[tuple[str, str]] = []  # lower-case names, those that go on to the client
        self._ask = ask
        self._admission = admission
        self._frames = 0  # counted where a limit counts tokens, for answers that do not tell how many they used
        self._first = b""
        self._first_byte_ms: int | None = None
        self._outcome = usage.CLIENT_LEFT  # until the answer is complete, or broken
        self._closed = False
        self._started = time.perf_counter()
        self._tail = usage.Tail()

    async def open(self, source: Source, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send the request and wait for the first byte. Raises NetworkError and its children, closed already."""
        connection = source.connection
        patience = connection.limits if self._ask.payload.get("stream") is True else _whole(connection.limits)
        self._stream = http.stream("POST", url, headers=headers, body=body, limits=patience, tls=connection.tls)
        try:
            self._answer = answer = await self._stream.__aenter__()
            self._first = await answer.read_some()
            if not self._first and answer.status < 400:
                raise NetworkError(_("The provider ended its answer before it began."), code="empty_answer")
        except GatewayError as error:
            self._outcome = error.status
            await self.aclose()
            raise
        except BaseException:
            await self.aclose()
            raise
        milliseconds = (time.perf_counter() - self._started) * 1000
        self._first_byte_ms = round(milliseconds)
        self.status = answer.status
        if answer.status >= 400:
            self._outcome = answer.status  # whether its words are read or not
        self.headers = _passed(answer.headers)
        if self._admission is not None:
            kept = [pair for pair in self.headers if not pair[0].startswith("x-ratelimit-")]
            self.headers = [*kept, *self._admission.headers]  # ours are what this client has to keep to
        if answer.status >= 500:
            await catalogue.note_failure(connection.id, error_of(answer.status, self._first, {}))
        else:
            await catalogue.note_success(connection.id, milliseconds)

    async def read_some(self) -> bytes:
        """The next piece of the body, unchanged, as it comes; b"" at the end. Raises NetworkError, UpstreamTimeout."""
        piece, self._first = self._first, b""
        if not piece:
            try:
                piece = await self._answer.read_some()
            except GatewayError as error:
                self._outcome = error.status
                logger.warning("An answer of %s was cut off: %s", self.connection, error)
                await catalogue.note_failure(self.connection_id, error)
                raise
            if not piece:
                self._outcome = self.status
                return b""
        self._tail.add(piece)
        if self._admission is not None:
            self._frames += piece.count(b"data:")
        return piece

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, once, as `read_some` gives it."""
        while piece := await self.read_some():
            yield piece

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.chunks()])

    async def error(self) -> ProviderError:
        """What an answer with a status of 400 and above says, as an error in the provider's words."""
        return error_of(self.status, await self.read(), dict(self.headers))

    @property
    def length(self) -> int | None:
        """The body's bytes, where the provider said how many."""
        for name, value in self.headers:
            if name == "content-length":
                return int(value)
        return None

    @property
    def _takes_a_frame(self) -> bool:
        headers = dict(self.headers)
        plain = headers.keys().isdisjoint(("content-encoding", "content-length"))
        return plain and _is_event_stream(headers.get("content-type", ""))

    def last_words(self, error: GatewayError) -> bytes:
        """What ends an answer that was cut off, once its status is sent.

        In an event stream a last frame says what happened, and OpenAI's clients raise on it; but only after a complete
        frame, for inside one it would be read as a part of it. Everywhere else nothing can be said: the error is raised
        again, and breaks the client's connection off.
        """
        if not self._takes_a_frame or not self._tail.end.endswith((b"\n\n", b"\r\r", b"\n\r\n")):
            raise error
        return b"data: " + error_responses.openai_body(error) + b"\n\n"

    async def aclose(self) -> None:
        """Close the connection to the provider (or give it back, when the answer is complete) and record the usage."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._stream.__aexit__()
        finally:
            self._record()

    def _record(self) -> None:
        ask = self._ask
        tokens_in, tokens_out = self._tail.tokens()
        if self._admission is not None:
            # Roughly four bytes of a request and one frame of a stream to a token, where the provider tells nothing.
            told = tokens_in + tokens_out
            rate_limits.spend(self._admission, told or (len(ask.raw or b"") // 4 + self._frames if self._frames else 0))
        usage.record(
            usage.Used(
                kind=ask.kind or ask.operation,
                user_id=ask.caller.user_id,
                key_id=ask.caller.key_id,
                connection_id=self.connection_id,
                model=self.public_id,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
                status=self._outcome,
                first_byte_ms=self._first_byte_ms,
                duration_ms=round((time.perf_counter() - self._started) * 1000),
            )
        )


async def begin(ask: Ask) -> Reply:
    """Start a call and wait for the first byte of an answer; whoever gets the reply must `aclose` it.

    Raises NotFound (`model_not_found`), BadRequest, RateLimited, ConfigurationError, NetworkError and its children. A
    status of 400 and above from the provider is a reply like any other.
    """
    snapshot = await catalogue.snapshot()
    route = snapshot.route_for(ask.caller, ask.payload["model"])
    admission = await rate_limits.admit(ask.caller, snapshot.limits) if snapshot.limits else None
    *earlier, last = routing.in_order(route.sources)
    for source in earlier:
        try:
            reply = await _try(ask, route, source, admission)
        except (NetworkError, ConfigurationError) as error:
            logger.warning("%s failed for %s, trying the next: %s", source.connection.name, route.public_id, error)
            continue
        if reply.status < 500 and reply.status != 429:
            return reply
        logger.warning("%s answered %s for %s, trying the next", reply.connection, reply.status, route.public_id)
        await reply.aclose()
    return await _try(ask, route, last, admission)


@asynccontextmanager
async def call(ask: Ask) -> AsyncIterator[Reply]:
    """`begin`, closed when the context is left."""
    reply = await begin(ask)
    try:
        yield reply
    finally:
        await reply.aclose()


async def complete(ask: Ask) -> dict[str, Any]:
    """The answer to a call that does not stream. Raises as `begin`, and ProviderError with the provider's own words."""
    async with call(ask) as reply:
        if reply.status >= 400:
            raise await reply.error()
        body = await reply.read()
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProviderError(_("The provider's answer is not JSON."), code="invalid_answer")
    if answer.get("error"):
        raise error_of(502, body, {})
    return answer


async def _try(ask: Ask, route: Route, source: Source, admission: rate_limits.Admission | None) -> Reply:
    connection = source.connection
    body = payload.rewrite(ask.operation, ask.payload, route=route, source=source, caller=ask.caller)
    unchanged = body is ask.payload and ask.raw is not None
    headers = await headers_for(
        connection,
        caller=ask.caller,
        chat_id=ask.chat_id,
        message_id=ask.message_id,
        model_id=route.public_id,
        cookies=ask.cookies,
    )
    reply = Reply(ask, route, source, admission)
    try:
        await reply.open(
            source,
            endpoint(connection, ask.operation, source.upstream_id),
            headers,
            ask.raw if unchanged and ask.raw is not None else payload.encode(body),
        )
    except NetworkError as error:
        await catalogue.note_failure(connection.id, error)
        raise
    return reply


@lru_cache(maxsize=64)
def _whole(limits: http.Limits) -> http.Limits:
    """For an answer that comes in one piece the time between bytes is the time for all of it (V4)."""
    if limits.first_byte is None or limits.idle is None:
        return limits
    return replace(limits, total=max(limits.first_byte, limits.idle))


def _is_event_stream(content_type: str) -> bool:
    return content_type.lower().startswith("text/event-stream")


def _passed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = []
    for name, value in headers:
        name = name.lower()
        if name in PASSED or name.startswith(PASSED_FAMILIES):
            kept.append((name, plain(value)))
            if name == "content-type" and _is_event_stream(value):
                kept.extend(UNBUFFERED)
    return kept
