"""The response of a provider, once its first byte has arrived, and the usage record of the call."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from providers import auth, catalogue, http, runtime
from providers.catalogue import keys
from providers.errors import ConfigurationError, GatewayError, NetworkError, ProviderError, Unavailable
from providers.facts import Route, Source
from providers.process import outages, request_ids, shutdown
from providers.relay import rate_limits, usage
from providers.relay.forms import Form
from providers.relay.made import memory
from providers.relay.operations import Operation
from providers.relay.prepared import Prepared
from providers.relay.request import RelayRequest
from providers.relay.response.access import permit_scope
from providers.relay.response.base import RelayResponse
from providers.relay.source_order import InFlight
from providers.responses import event_streams, stream_ends
from providers.sentences import sentence as _
from providers.units import BYTES_PER_TOKEN
from providers.upstream.error_bodies import of_own_credential, rest_after
from providers.upstream.headers import plain

# The provider's headers that are passed to the client. Others are not: those of the hop, cookies, server names. The
# length is, because the number of bytes is unchanged, and the client then notices a body that breaks off.
PASSED = frozenset(
    {
        "content-type",
        "content-encoding",
        "content-length",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "x-request-id",
        "x-should-retry",
    }
)
PASSED_FAMILIES = ("x-ratelimit-", "openai-")
# Where providers tell their own id of a request: OpenAI and most others, Anthropic, Azure's front, Amazon.
REQUEST_IDS = frozenset({"x-request-id", "request-id", "apim-request-id", "x-amzn-requestid"})
LONGEST_ID = 200  # characters of such an id that are kept
LONGEST_CODE, LONGEST_WORDS = 100, 300  # characters of an error that are kept with the record

logger = logging.getLogger(__name__)


class ProviderResponse(RelayResponse):
    """The response of a provider. `calls` makes it and opens it once."""

    __slots__ = (
        "_admission",
        "_answer",
        "_closed",
        "_counted_as",
        "_error",
        "_first",
        "_first_byte_ms",
        "_frames",
        "_in_flight",
        "_is_recorded",
        "_operation",
        "_outcome",
        "_own_credential",
        "_permit_scope",
        "_provider_request_id",
        "_request",
        "_request_id",
        "_source",
        "_started",
        "_stream",
        "_tail",
        "made",
        "made_id",
        "rewrites",
        "tried",
    )

    connection_id: int
    made_id: Callable[[bytes], str] | None  # finds the id of what is made and stays, until it is noted
    made: memory.Made | None  # what is made, or asked for
    tried: list[dict[str, Any]]  # what was passed over before this response: see `providers.relay.routing.attempts`

    def __init__(
        self,
        request: RelayRequest,
        operation: Operation,
        route: Route,
        source: Source,
        admission: rate_limits.Admission | None = None,
    ) -> None:
        self.public_id = route.public_id
        self._counted_as = route.counted_as
        self.connection = source.connection.name
        self.connection_id = source.connection.id
        self.status = 0
        self.headers = []
        self.hold = None
        self._request = request
        self._own_credential = auth.needs_user(source.connection.auth_type)  # the caller's
        self._operation = operation
        self._admission = admission
        self._frames = 0  # of the stream, for an estimate of tokens; counted only where a limit counts tokens
        self._first = b""
        self._first_byte_ms: int | None = None
        self.tried = []
        self.made = self.made_id = None
        self.rewrites: Sequence[str] = ()  # the rules that changed the body: see `payload.rewrite`
        self._request_id = request_ids.current.get()
        self._source = source
        self._provider_request_id = ""
        self._error: GatewayError | None = None
        self._outcome = usage.CLIENT_LEFT  # until the body is complete or broken
        self._closed = False
        self._is_recorded = True
        self._in_flight: tuple[int, str] | None = None
        self._started = time.perf_counter()
        self._tail = usage.Tail()
        self._permit_scope = permit_scope(request.caller, operation.scope, route, source.connection.id)

    async def open(
        self,
        source: Source,
        prepared: Prepared,
        body: bytes | Form | None,
        *,
        unpacked: bool = False,
        counted: bool = False,
    ) -> None:
        """Send the request and wait for the first byte. Raises NetworkError and its children, which the health of the
        connection notes; it is closed then.

        `counted`: among the calls in flight at the source, until it is closed.
        """
        if counted:
            self._in_flight = runtime.state(InFlight).begin(source)
        connection = source.connection
        limits = connection.limits
        if not self._operation.streams(self._request.payload):
            limits = limits.for_whole()
        self._stream = http.stream(
            self._operation.method,
            prepared.url,
            headers=prepared.headers,
            body=body,
            limits=limits,
            tls=connection.tls,
            secrets=prepared.secrets,
            unpacked=unpacked,
        )
        try:
            with self._permit_scope:
                self._answer = answer = await self._stream.__aenter__()
                self._first = await answer.read_beginning()
            if not self._first and answer.status < 400:
                raise NetworkError(_("The provider closed the connection without an answer."), code="empty_answer")
        except GatewayError as error:
            failure = _ours_or(error)
            self.fail(failure)
            await self.aclose()
            if isinstance(failure, NetworkError | ConfigurationError):
                catalogue.note_failure(connection.id, failure)
            if failure is not error:
                raise failure from error
            raise
        except BaseException:
            await self.aclose()
            raise
        milliseconds = (time.perf_counter() - self._started) * 1000
        self._first_byte_ms = round(milliseconds)
        self.status = answer.status
        if answer.status >= 400:
            self._outcome = answer.status  # whether the body is read or not
        self.headers, self._provider_request_id = _passed(answer.headers)
        if answer.is_packed and (unpacker := http.unpacker_for(self.headers)):
            self._tail = usage.PackedTail(unpacker)
        self._limit(self._admission)
        if self.made_id is not None and answer.status < 400:
            self._note_made(self._first)
        refusal = self.error_with(self.refusal) if answer.status >= 400 else None
        self._error = refusal
        if refusal is not None and answer.status >= 500:
            catalogue.note_failure(connection.id, refusal)
        elif refusal is not None and refusal.is_fault and connection.more_keys:
            keys.refuse(connection, refusal)
        elif refusal is not None and refusal.is_fault:
            catalogue.note_refusal(connection.id, refusal)
        elif answer.status == 429 and connection.more_keys:
            keys.rest(connection, source.upstream_id, rest_after(dict(answer.headers)))
        elif answer.status == 429:  # neither a failure nor a success
            catalogue.note_rate_limit(connection.id, source.upstream_id, rest_after(dict(answer.headers)))
        else:
            if connection.more_keys:
                keys.accepted(connection)
            catalogue.note_success(connection.id, milliseconds)

    def _note_made(self, beginning: bytes) -> None:
        """Note which connection made the response, if its id is here: follow-ups come as soon as the client has it."""
        if self.made_id is not None and (made := self.made_id(beginning)):
            is_counted = self._request.payload.get("background") is not True
            self.made = memory.note(made, self._request.caller, self.public_id, self._source, is_counted=is_counted)
            self.made_id = None

    @property
    def refusal(self) -> bytes:
        return http.readable(self._first, self.headers) if self.status >= 400 else b""

    @property
    def is_event_stream(self) -> bool:
        return any(name == "content-type" and event_streams.is_event_stream(value) for name, value in self.headers)

    async def discard(self) -> None:
        """Close a response that nobody gets, because the same source is asked again. It leaves no record."""
        self._is_recorded = False
        await self.aclose()

    def error_with(self, body: bytes, *, status: int | None = None) -> ProviderError:
        error = super().error_with(body, status=status)
        return of_own_credential(error) if self._own_credential else error

    async def read_some(self) -> bytes:
        piece, self._first = self._first, b""
        if not piece:
            try:
                if self._answer.is_at_end:  # nothing to wait for
                    piece = await self._answer.read_some()
                else:
                    with self._permit_scope:
                        piece = await self._answer.read_some()
            except GatewayError as error:
                failure = _ours_or(error)
                self.fail(failure)
                if failure is not error:
                    raise failure from error
                if self._permit_scope.has_ended:
                    raise
                logger.warning("An answer of %s was cut off: %s", self.connection, error)
                catalogue.note_failure(self.connection_id, error)
                raise
            if not piece:
                self._outcome = self.status
                return b""
        self._tail.add(piece)
        if self._admission is not None or self.hold is not None:
            self._frames += piece.count(self._operation.frame)
        return piece

    def fail(self, error: GatewayError) -> None:
        self._outcome, self._error = error.status, error

    def closing_bytes(self, error: GatewayError) -> bytes:
        """The bytes of a frame with the error, on which clients raise, if this is a stream whose last frame was
        complete. Else the error is raised, which breaks the client's connection.
        """
        frame = stream_ends.error_frame(dict(self.headers), self._tail.end, error, self._operation.error_frame)
        if frame is None:
            raise error
        return frame

    async def aclose(self) -> None:
        """Close the connection to the provider (after a complete body it returns to the pool) and record the usage."""
        if self._closed:
            return
        self._closed = True
        self._permit_scope.close()
        if self._in_flight is not None:
            runtime.state(InFlight).end(self._in_flight)
        is_read_on = False
        try:
            await self._stream.__aexit__()
            is_read_on = self._outcome == self.status and self._tail.is_behind
        finally:
            if not is_read_on:
                self._record()
        if is_read_on:  # by a task of its own: clients leave at the last byte, which cancels whoever calls this
            await asyncio.shield(asyncio.create_task(self._read_on()))

    async def _read_on(self) -> None:
        try:
            await self._tail.finish()
        finally:
            self._record()

    @property
    def _status_of_usage(self) -> int:
        """The status for the usage record: 503 instead of 499 if this site's shutdown disconnected the client."""
        away = self._outcome == usage.CLIENT_LEFT and shutdown.breaks_off()
        return Unavailable.status if away else self._outcome

    def _record(self) -> None:
        if not self._is_recorded:
            return
        if self.made_id is not None and self.status < 400:
            self._note_made(self._tail.head)  # its first bytes came one by one, or packed
        request, counted = self._request, self._operation.count(self._tail)
        failed_inside = self._operation.failed_inside
        if self._outcome == 200 and failed_inside is not None and failed_inside(self._tail):
            self.fail(usage.failure(self._tail))
            self._outcome = 502
        if self.made is not None and not self.made.is_counted and counted.get("tokens_out"):
            memory.note_counted(self.made)
        tokens = 0
        if (self._admission is not None or self.hold is not None) and "tokens_in" in counted:
            # Without the provider's numbers: by the bytes of the request, and about a token per frame of the stream.
            text = request.raw if isinstance(request.raw, bytes) else b""  # the bytes of a form are mostly a file's
            estimate = len(text) // BYTES_PER_TOKEN + self._frames if self._frames else 0
            tokens = counted["tokens_in"] + counted["tokens_out"] or estimate
            rate_limits.spend(self._admission, tokens)
        if self._operation.count_request is not None and self._outcome < 400:
            counted = {**counted, **self._operation.count_request(request.payload)}
        caller, error = request.caller, self._error
        call = usage.CallUsage(
            kind=request.kind or request.operation,
            user_id=caller.user_id,
            key_id=caller.key_id,
            connection_id=self.connection_id,
            model=self._counted_as[:255],
            status=self._status_of_usage,
            first_byte_ms=self._first_byte_ms,
            duration_ms=round((time.perf_counter() - self._started) * 1000),
            request_id=self._request_id,
            provider_request_id=self._provider_request_id,
            upstream_id=self._source.upstream_id[:255],
            config_version=catalogue.known_version(),
            tried=self.tried,
            rewrites=self.rewrites,
            error_code="" if error is None else (error.provider_code or error.code)[:LONGEST_CODE],
            error_message="" if error is None else error.reason[:LONGEST_WORDS],
            group_names=caller.group_names,
            **counted,
        )
        if self.hold is not None:
            self.hold.price(call)
        usage.record(call)
        if self.hold is not None:
            self.hold.settle(call, tokens)


def _ours_or(error: GatewayError) -> GatewayError:
    """The error, or `restarting` if this site's shutdown ended the call: then the provider has not failed."""
    return outages.restarting() if shutdown.breaks_off() else error


def _passed(headers: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """The headers for the client, and the provider's id of the request; "" without one."""
    passed: list[tuple[str, Any]] = []
    request_id = ""
    for name, value in headers:
        name = name.lower()
        if name in REQUEST_IDS and not request_id:
            request_id = value[:LONGEST_ID]
        if name in PASSED or name.startswith(PASSED_FAMILIES):
            passed.append((name, plain(value)))
            if name == "content-type" and stream_ends.is_stream(value):
                passed.extend(event_streams.UNBUFFERED)
    return passed, request_id
