"""One call to a provider: permission, route, request, and the response's bytes as they come.

Every call passes through `begin`, which applies what must always hold: the caller's scope, the check of the body,
access to the model, rate limits, budgets, usage. The sources of a model are tried in order; `providers.relay.routing`
decides what follows after a failure, always before the first byte of a response. Closing the response closes the
connection to the provider and records the usage.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from providers import catalogue, json_bodies
from providers.dialects.translation import Translation
from providers.errors import BadRequest, ConfigurationError, NotFound, ProviderError
from providers.facts import Caller, Route, Snapshot, Source
from providers.process import waiting
from providers.relay import budgets, filtering, payload, rate_limits, source_order, translated
from providers.relay.made import memory
from providers.relay.made.table import OnMade, at_response, query_of
from providers.relay.operations import BY_DIALECT, OPERATIONS, Cache, Operation
from providers.relay.prepared import prepare
from providers.relay.request import RelayRequest, admit
from providers.relay.response import (
    CachedResponse,
    EstimatedResponse,
    ProviderResponse,
    RelayResponse,
    RewrittenResponse,
)
from providers.relay.routing import attempts, fallbacks, makers
from providers.relay.routing.attempts import FAILURES, Attempts, Fetch, Outcome, Tried, outcome_of
from providers.relay.routing.keys import by_key
from providers.relay.usage import stream_usage
from providers.sentences import sentence as _
from providers.upstream.headers import plain


async def begin(request: RelayRequest, *, unpacked: bool = False) -> RelayResponse:
    """Start a call and wait for the first byte of the response. The caller of this function must `aclose` the response.

    `unpacked`: for whoever reads the body; others pass on what the provider packed as it is.

    Raises Forbidden (`insufficient_scope`), BadRequest, NotFound (`model_not_found`), Conflict, RateLimited,
    BudgetSpent, ConfigurationError, NetworkError and its children. A status of 400 and above from the provider is a
    response like any other.
    """
    operation = OPERATIONS[request.operation]
    admit(request.caller, operation.scope)
    operation.check(request.payload)
    remembered = None
    if operation.cache is not None:
        remembered = await operation.cache.check(request.caller, request.payload, request.idempotency_key)
    snapshot = await catalogue.snapshot()
    route = route_of(request, operation, snapshot)
    admission = await rate_limits.admit(request.caller, snapshot.rate_limits) if snapshot.rate_limits else None
    if operation.made_id is not None and request.payload.get("previous_response_id") is not None:
        route = await makers.at_maker(request, operation, route, snapshot)
    if snapshot.filters and (filters := filtering.filters_of(request, operation, snapshot, route)):
        request = await filtering.filtered(request, operation, filters)
        route = route_of(request, operation, snapshot)  # a filter may choose another model
        response = await _within_budgets(request, operation, route, admission, snapshot, remembered, unpacked=True)
        return await filtering.shown(response, request, filters)
    return await _within_budgets(request, operation, route, admission, snapshot, remembered, unpacked=unpacked)


async def _within_budgets(
    request: RelayRequest,
    operation: Operation,
    route: Route,
    admission: rate_limits.Admission | None,
    snapshot: Snapshot,
    remembered: Any,
    *,
    unpacked: bool,
) -> RelayResponse:
    """The response, for which the caller's budgets hold what it may cost. Raises as `begin`."""
    hold = await _hold(request, operation, route, snapshot) if snapshot.budgets else None
    if hold is None:
        return await _answer(request, operation, route, admission, snapshot, None, remembered, unpacked=unpacked)
    try:
        response = await _answer(request, operation, route, admission, snapshot, hold, remembered, unpacked=unpacked)
    except BaseException:
        hold.release()
        raise
    response.keep(hold)
    return response


async def _hold(request: RelayRequest, operation: Operation, route: Route, snapshot: Snapshot) -> budgets.Hold:
    """What the call reserves of the caller's budgets. Raises BudgetSpent and RateLimited."""
    estimate = budgets.of_call(snapshot, route, request.payload, request.raw, writes=operation.writes)
    return await budgets.reserve(request.caller, snapshot, route.public_id, estimate)


async def _answer(
    request: RelayRequest,
    operation: Operation,
    route: Route,
    admission: rate_limits.Admission | None,
    snapshot: Snapshot,
    hold: budgets.Hold | None,
    remembered: Any,
    *,
    unpacked: bool,
) -> RelayResponse:
    """The response of a source, of another model in its place, or of the operation's cache. Raises as `begin`."""
    sources = source_order.in_order(route.sources, route.order)
    if route.has_keys:
        sources = by_key(sources)
    if operation.cache is not None:
        return await _through_cache(
            request, operation, operation.cache, route, sources, admission, snapshot, hold, remembered
        )
    try:
        response = await _try(request, operation, route, admission, sources[0], unpacked=unpacked)
    except FAILURES as error:
        first: Outcome = error
    else:
        if response.status < 400:
            return response
        first = response

    async def fetch(route: Route, source: Source, tried: Tried) -> RelayResponse:
        return await _try(request, operation, route, admission, source, tried, unpacked=unpacked)

    return await _go_on(request, operation, route, snapshot, sources, first, fetch)


async def _through_cache(
    request: RelayRequest,
    operation: Operation,
    cache: Cache,
    route: Route,
    sources: Sequence[Source],
    admission: rate_limits.Admission | None,
    snapshot: Snapshot,
    hold: budgets.Hold | None,
    remembered: Any,
) -> RelayResponse:
    """What is stored, else the answer of a source or of another model, which is then stored as theirs. Raises as
    `begin`.
    """
    payload = request.payload

    def response_of(route: Route, clip: Any) -> CachedResponse:
        return CachedResponse(request, operation.scope, route, clip, admission)

    async def fetch(other: Route, source: Source, tried: Tried) -> RelayResponse:
        async def download(source: Source) -> ProviderResponse | RewrittenResponse:
            response = await _fetch(request, operation, other, admission, source, tried, unpacked=True)
            if hold is not None and response.status < 400:
                response.keep(hold)  # a download outlives the call, and counts what it used
            return response

        # Of the asked model all that is stored was looked for.
        stored = None if other is route else await cache.find(payload, [source])
        return response_of(other, stored or await cache.begin(payload, source, download))

    if not (remembered and remembered.refusal):
        fitting = cache.fitting(payload, sources)
        if not fitting:
            raise cache.too_long(sources)
        sources = fitting
    if clip := await cache.find(payload, sources, remembered):
        return response_of(route, clip)
    first = await outcome_of(fetch(route, sources[0], Tried()))
    try:
        response = await _go_on(request, operation, route, snapshot, sources, first, fetch)
    except FAILURES:
        await cache.note(remembered, None)
        raise
    if response.status >= 400 and isinstance(response, CachedResponse):
        await cache.note(remembered, response.clip.refusal)
    return response


async def _go_on(
    request: RelayRequest,
    operation: Operation,
    route: Route,
    snapshot: Snapshot,
    sources: Sequence[Source],
    first: Outcome,
    fetch: Fetch,
) -> RelayResponse:
    """The answer to a call whose first try came to this: of another try, of another model, else the failure. Raises as
    `begin`.
    """
    caller, tried = request.caller, Tried()
    own = Attempts(fetch, operation, route, sources, caller=caller, body=request.payload, tried=tried)
    outcome = await own.go_on(first)
    if attempts.has_answered(outcome) or not route.fallbacks or (reason := fallbacks.reason_of(outcome)) is None:
        return attempts.result(outcome)
    own.note(outcome)
    try:  # the failure stays open: where no other model answers, it is the answer
        for other in fallbacks.routes(snapshot, caller, operation, route, reason):
            there: Sequence[Source] = by_key(source_order.in_order(other.sources, other.order))
            if operation.cache is not None and not (there := operation.cache.fitting(request.payload, there)):
                continue
            instead = Attempts(fetch, operation, other, there, caller=caller, body=request.payload, tried=tried)
            answer = await instead.begin()
            if attempts.has_answered(answer):
                await attempts.close(outcome)
                response = attempts.result(answer)
                response.headers.append((fallbacks.HEADER, plain(other.public_id)))
                return response
            await attempts.close(answer)
            instead.note(answer)
    except BaseException:
        await attempts.close(outcome)
        raise
    return attempts.result(outcome)


async def begin_on_made(
    row: OnMade, caller: Caller, response_id: str, query: str, cookies: Mapping[str, str]
) -> RelayResponse:
    """Start an operation on a response that was made, at the connection that made it. As `begin`; `query` is that of
    the address, without the question mark.

    Raises Forbidden, BadRequest, NotFound (`response_not_found` for unknown responses and for those of others,
    `response_connection_off`, `model_not_found`), RateLimited, ConfigurationError, NetworkError and its children.
    """
    operation = row.operation
    admit(caller, operation.scope)
    parameters = query_of(query)
    snapshot = await catalogue.snapshot()
    admission = await rate_limits.admit(caller, snapshot.rate_limits) if snapshot.rate_limits else None
    made = await memory.find(caller, response_id)
    if made is None:
        raise makers.not_found(response_id)
    route = makers.of_maker(made, snapshot, caller)
    if row.counting is not None and not made.is_counted:
        operation = row.counting
    streams = ("stream", "true") in parameters
    request = RelayRequest(operation.name, caller, {"model": made.model, "stream": streams}, cookies=cookies)

    async def fetch(route: Route, source: Source, tried: Tried) -> RelayResponse:
        prepared = at_response(await prepare(request, operation, route, source), row, response_id, parameters)
        response = ProviderResponse(request, operation, route, source, admission)
        response.made = made
        if tried:
            response.tried = list(tried)
        await response.open(source, prepared, None)
        return response

    tries = Attempts(fetch, operation, route, route.sources, caller=caller, body=request.payload, tried=Tried())
    response = attempts.result(await tries.begin())
    if row.forgets and response.status < 300:
        memory.forget(made)
    if operation is row.counting and snapshot.budgets:
        response.keep(budgets.Hold(caller, snapshot))
    return response


@asynccontextmanager
async def call(request: RelayRequest) -> AsyncIterator[RelayResponse]:
    """`begin` as a context, for whoever reads the body; it closes the response at its end."""
    response = await begin(request, unpacked=True)
    try:
        yield response
    finally:
        await response.aclose()


async def complete(request: RelayRequest, *, max_bytes: int) -> dict[str, Any]:
    """The JSON object of a call without a stream. Raises as `begin`, and ProviderError with the provider's words or
    for a body of more than `max_bytes`.
    """
    async with call(request) as response:
        if response.status >= 400:
            raise await response.error()
        body = await response.read(max_bytes)
    try:
        value = await waiting.off_loop(len(body), json_bodies.parse_response, body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ProviderError(_("The provider's answer is not JSON."), code="invalid_answer")
    if value.get("error"):
        raise response.error_with(body, status=502)
    return value


def route_of(request: RelayRequest, operation: Operation, snapshot: Snapshot) -> Route:
    """The route of the named model, else of the operation's default model. Raises as the operation's `route`, and
    BadRequest where no model is named and the caller may not use the default one.
    """
    model = request.payload.get("model")
    if model is not None:
        return operation.route(snapshot, request.caller, model)
    try:
        return operation.route(snapshot, request.caller, operation.default_model)
    except NotFound as error:
        raise BadRequest(
            _(
                "“model” is missing, and its default “%(id)s” does not exist here or you do not have access to it. "
                "Name a model in “model”, or ask an administrator to offer the default one."
            )
            % {"id": operation.default_model},
            code="missing_required_parameter",
            param="model",
        ) from error


async def _try(
    request: RelayRequest,
    operation: Operation,
    route: Route,
    admission: rate_limits.Admission | None,
    source: Source,
    tried: Sequence[dict[str, Any]] = (),
    *,
    unpacked: bool,
) -> RelayResponse:
    """The response of one source in the form of the request. Raises as `_fetch`, and ProviderError for an answer that
    cannot be translated.
    """
    translation = translated.translation_for(operation, source.connection)
    if translation is None:
        return await _fetch(request, operation, route, admission, source, tried, unpacked=unpacked)
    if operation.estimate is not None:
        size = payload.size_of(request.payload)
        answer = await waiting.off_loop(size, operation.estimate, request.payload)
        return EstimatedResponse(request, operation, route, source, admission, answer)
    response = await _fetch(request, operation, route, admission, source, tried, unpacked=True, translation=translation)
    return await translated.translate(cast(ProviderResponse, response), translation, request, operation)


async def _fetch(
    request: RelayRequest,
    operation: Operation,
    route: Route,
    admission: rate_limits.Admission | None,
    source: Source,
    tried: Sequence[dict[str, Any]] = (),
    *,
    unpacked: bool,
    translation: Translation | None = None,
) -> ProviderResponse | RewrittenResponse:
    """The response of one source; `tried` are the tries before it, for the usage record. `translation`: of the
    request, into the form of the connection.

    Raises NetworkError and its children, ConfigurationError, BadRequest.
    """
    connection, caller = source.connection, request.caller
    changed: list[str] = []
    asked = operation
    if translation is None:
        body = payload.rewrite(operation, request.payload, route=route, source=source, caller=caller, changed=changed)
    else:
        asked, size = BY_DIALECT[translation.dialect], payload.size_of(request.payload)
        options = {"route": route, "source": source, "caller": caller, "translation": translation}
        options["changed"] = changed
        body = await waiting.off_loop(size, payload.rewrite, operation, request.payload, **options)
    raw = request.raw if body is request.payload else None  # no rule changed it: as received
    try:
        prepared = await prepare(request, asked, route, source)
    except ConfigurationError as error:
        await catalogue.note_refusal(connection.id, error)
        raise
    names = None
    if operation.rename is not None and (named := request.payload["model"]) != source.upstream_id:
        names = operation.rename(source.upstream_id, named)
    asks = asked.has_stream_options and stream_usage.is_to_ask(body, source)
    data = await payload.encode(body, request.raw) if raw is None else raw
    question = stream_usage.with_question(data, body) if asks and isinstance(data, bytes) else data
    unpacked = unpacked or asks or names is not None
    response = ProviderResponse(request, asked, route, source, admission)
    response.rewrites = changed
    if tried:
        response.tried = list(tried)
    if operation.made_id is not None and translation is None and body.get("store") is not False:
        response.made_id = operation.made_id
    counted = route.order != source_order.POSITION and source_order.counts(route.order, route.sources)
    await response.open(source, prepared, question, unpacked=unpacked, counted=counted)
    if asks and response.status >= 400 and stream_usage.is_refusal(response.status, response.refusal):
        stream_usage.note_refusal(source)
        await response.discard()
        return await _fetch(
            request, operation, route, admission, source, tried, unpacked=unpacked, translation=translation
        )
    if asks and response.is_event_stream and translation is None:
        return RewrittenResponse(response, stream_usage.UsageFrames())
    return response if names is None else RewrittenResponse(response, names)
