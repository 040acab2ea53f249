"""The response to a call: from a provider, once its first byte has arrived, or from the operation's cache."""

import logging
import time
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Protocol

from providers import auth, catalogue, http, runtime
from providers.catalogue import keys
from providers.errors import Forbidden, GatewayError, NetworkError, ProviderError, Unavailable
from providers.facts import Caller, Route, Snapshot, Source
from providers.permits import Permits, PermitScope
from providers.process import outages, request_ids, shutdown
from providers.relay import budgets, rate_limits, usage
from providers.relay.forms import Form
from providers.relay.operations import Operation
from providers.relay.prepared import Prepared
from providers.relay.request import RelayRequest, admit
from providers.relay.source_order import InFlight
from providers.responses import event_streams, stream_ends
from providers.sentences import sentence as _
from providers.speech.clips import Clip
from providers.upstream.error_bodies import error_of, of_own_credential, rest_after
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


class RelayResponse(http.PiecewiseBody):
    """A response that has begun. `headers` are those for the client, with lower-case names. The receiver must close it.

    Reading raises NetworkError and UpstreamTimeout where the body breaks off, and a CallerError where the caller lost
    the permission for it.
    """

    __slots__ = ("connection", "connection_id", "headers", "hold", "public_id", "status")

    public_id: str
    connection: str  # its name; "" for a response from the cache
    connection_id: int | None
    status: int
    headers: list[tuple[str, str]]
    hold: budgets.Hold | None  # what the call reserved of its caller's budgets

    def keep(self, hold: budgets.Hold) -> None:
        """Take over a hold, which the end of the response settles."""
        self.hold = hold

    async def aclose(self) -> None:
        """End the call, at any point of the body, and record the usage."""
        raise NotImplementedError

    def closing_bytes(self, error: GatewayError) -> bytes:
        """The bytes that end a body which broke off with this error. Raises the error where no bytes can tell of it."""
        raise error

    async def error(self) -> ProviderError:
        """The error of a response with a status of 400 and above, with the provider's words."""
        return self.error_with(await self.beginning())

    @property
    def refusal(self) -> bytes:
        """The beginning of an error response, which stays in the body; b"" where it is not known."""
        return b""

    def error_with(self, body: bytes, *, status: int | None = None) -> ProviderError:
        """The error in a body that was read already. `status` replaces the response's own, which may be a 200."""
        return error_of(status or self.status, body, dict(self.headers))

    @property
    def length(self) -> int | None:
        """The number of bytes of the body; None where the provider did not send it."""
        for name, value in self.headers:
            if name == "content-length":
                return int(value)
        return None

    def _limit(self, admission: rate_limits.Admission | None) -> None:
        """Replace the provider's rate limit headers by ours, which are the limits of this client."""
        if admission is not None:
            others = [pair for pair in self.headers if not pair[0].startswith("x-ratelimit-")]
            self.headers = [*others, *admission.headers]


class ProviderResponse(RelayResponse):
    """The response of a provider. `calls` makes it and opens it once."""

    __slots__ = (
        "_admission",
        "_answer",
        "_closed",
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
        "_started",
        "_stream",
        "_tail",
        "_upstream_id",
        "rewrites",
        "tried",
    )

    connection_id: int
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
        self.rewrites: Sequence[str] = ()  # the rules that changed the body: see `payload.rewrite`
        self._request_id = request_ids.current.get()
        self._upstream_id = source.upstream_id
        self._provider_request_id = ""
        self._error: GatewayError | None = None
        self._outcome = usage.CLIENT_LEFT  # until the body is complete or broken
        self._closed = False
        self._is_recorded = True
        self._in_flight: tuple[int, str] | None = None
        self._started = time.perf_counter()
        self._tail = usage.Tail()
        check = partial(_check_access, operation.scope, route.public_id, source.connection.id)
        self._permit_scope = PermitScope(request.caller, check=check)

    async def open(
        self,
        source: Source,
        prepared: Prepared,
        body: bytes | Form,
        *,
        unpacked: bool = False,
        counted: bool = False,
    ) -> None:
        """Send the request and wait for the first byte. Raises NetworkError and its children; it is closed then.

        `counted`: among the calls in flight at the source, until it is closed.
        """
        if counted:
            self._in_flight = runtime.state(InFlight).begin(source)
        connection = source.connection
        limits = connection.limits
        if not self._operation.streams(self._request.payload):
            limits = limits.for_whole()
        self._stream = http.stream(
            "POST",
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
        if unpacker := http.unpacker_for(self.headers):
            self._tail = usage.PackedTail(unpacker)
        self._limit(self._admission)
        refusal = self.error_with(self.refusal) if answer.status >= 400 else None
        self._error = refusal
        if refusal is not None and answer.status >= 500:
            await catalogue.note_failure(connection.id, refusal)
        elif refusal is not None and refusal.is_fault and connection.more_keys:
            keys.refuse(connection, refusal)
        elif refusal is not None and refusal.is_fault:
            await catalogue.note_refusal(connection.id, refusal)
        elif answer.status == 429 and connection.more_keys:
            keys.rest(connection, source.upstream_id, rest_after(dict(answer.headers)))
        elif answer.status == 429:  # neither a failure nor a success
            catalogue.note_rate_limit(connection.id, source.upstream_id, rest_after(dict(answer.headers)))
        else:
            if connection.more_keys:
                keys.accepted(connection)
            await catalogue.note_success(connection.id, milliseconds)

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
                await catalogue.note_failure(self.connection_id, error)
                raise
            if not piece:
                self._outcome = self.status
                await self._tail.finish()
                return b""
        self._tail.add(piece)
        if self._admission is not None or self.hold is not None:
            self._frames += piece.count(self._operation.frame)
        return piece

    def fail(self, error: GatewayError) -> None:
        """Have the usage record show that the response ended in this error."""
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
        try:
            await self._stream.__aexit__()
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
        request, counted = self._request, self._operation.count(self._tail)
        failed_inside = self._operation.failed_inside
        if self._outcome == 200 and failed_inside is not None and failed_inside(self._tail):
            self.fail(usage.failure(self._tail))
            self._outcome = 502
        tokens = 0
        if (self._admission is not None or self.hold is not None) and "tokens_in" in counted:
            # Without the provider's numbers: about a token per four bytes of the request and per frame of the stream.
            text = request.raw if isinstance(request.raw, bytes) else b""  # the bytes of a form are mostly a file's
            estimate = len(text) // 4 + self._frames if self._frames else 0
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
            model=self.public_id[:255],
            status=self._status_of_usage,
            first_byte_ms=self._first_byte_ms,
            duration_ms=round((time.perf_counter() - self._started) * 1000),
            request_id=self._request_id,
            provider_request_id=self._provider_request_id,
            upstream_id=self._upstream_id[:255],
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


class Rewriter(Protocol):
    """Changes a body that comes in pieces."""

    def feed(self, piece: bytes) -> bytes:
        """The bytes that can be sent now; b"" where all of them wait for more."""

    def rest(self) -> bytes:
        """The bytes that wait, at the end of the body."""


class RewrittenResponse(RelayResponse):
    """A response with other bytes than the provider's: the model's name that the client asked for, a stream without
    the usage for which only we asked.
    """

    __slots__ = ("_inner", "_rewriter")

    def __init__(self, inner: ProviderResponse, rewriter: Rewriter) -> None:
        self.public_id, self.connection, self.connection_id = inner.public_id, inner.connection, inner.connection_id
        self.status = inner.status
        self.headers = [pair for pair in inner.headers if pair[0] != "content-length"]
        self._inner, self._rewriter = inner, rewriter

    @property
    def refusal(self) -> bytes:
        return self._inner.refusal

    def error_with(self, body: bytes, *, status: int | None = None) -> ProviderError:
        return self._inner.error_with(body, status=status)

    def closing_bytes(self, error: GatewayError) -> bytes:
        return self._inner.closing_bytes(error)

    async def read_some(self) -> bytes:
        while piece := await self._inner.read_some():
            if rewritten := self._rewriter.feed(piece):
                return rewritten
        return self._rewriter.rest()

    def fail(self, error: GatewayError) -> None:
        self._inner.fail(error)

    def keep(self, hold: budgets.Hold) -> None:
        self._inner.keep(hold)

    async def aclose(self) -> None:
        await self._inner.aclose()


class CachedResponse(RelayResponse):
    """A response through the operation's cache: a stored clip, or a download that other calls may share."""

    __slots__ = ("_clip", "_permit_scope")

    def __init__(
        self, request: RelayRequest, scope: str, route: Route, clip: Clip, admission: rate_limits.Admission | None
    ) -> None:
        self.public_id, self.connection, self.connection_id = route.public_id, "", None
        self.status, self.headers, self.hold = clip.status, list(clip.headers), None
        if clip.length is not None and self.length is None:
            self.headers.append(("content-length", str(clip.length)))
        self._limit(admission)
        self._clip = clip
        self._permit_scope = PermitScope(request.caller, check=partial(_check_access, scope, route.public_id, None))
        if clip.stored:  # a download has a ProviderResponse, which records it
            usage.record(
                usage.CallUsage(
                    kind=request.kind or request.operation,
                    user_id=request.caller.user_id,
                    key_id=request.caller.key_id,
                    model=self.public_id[:255],
                    audio_bytes=clip.length or 0,
                    status=clip.status,
                    cost=Decimal(0),  # nobody was asked
                    request_id=request_ids.current.get(),
                    config_version=catalogue.known_version(),
                    group_names=request.caller.group_names,
                )
            )

    async def read_some(self) -> bytes:
        with self._permit_scope:
            return await anext(self._clip.pieces, b"")

    async def aclose(self) -> None:
        """Stop reading. The download goes on: other calls may share it, and the result is stored."""
        self._permit_scope.close()
        if self.hold is not None:  # what a download used, its ProviderResponse counts
            self.hold.release()
        await self._clip.pieces.aclose()


def _ours_or(error: GatewayError) -> GatewayError:
    """The error, or `restarting` if this site's shutdown ended the call: then the provider has not failed."""
    return outages.restarting() if shutdown.breaks_off() else error


def _check_access(scope: str, public_id: str, connection_id: int | None, snapshot: Snapshot, caller: Caller) -> None:
    """Whether this caller might still begin a call to this model through this connection (None: from a cache).

    A model that is not there ends nothing: a provider's list may lack it for a while.
    """
    admit(caller, scope)
    route = snapshot.routes.get(public_id)
    if not caller.may_use(public_id):
        raise _access_ended(public_id)
    if route is not None:
        offered = {source.connection.id for source in route.sources}
        allowed = {source.connection.id for source in route.sources_for(caller)}
        if connection_id in offered - allowed:
            raise _access_ended(public_id)
    rate_limits.check_not_spent(caller, snapshot.rate_limits)
    if snapshot.budgets:
        budgets.check_not_empty(caller, snapshot.budgets, public_id)


def open_calls() -> int:
    """How many calls to providers this process has open now, streams for the most part."""
    held = list(runtime.state(Permits).held)
    return sum(isinstance(permit.check, partial) and permit.check.func is _check_access for permit in held)


def _access_ended(public_id: str) -> Forbidden:
    return Forbidden(_("You may no longer use the model “%(id)s”.") % {"id": public_id}, code="access_ended")


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
