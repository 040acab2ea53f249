"""One call to a provider: permission, route, request, and the response's bytes as they come.

Every call passes through `begin`, which applies what must always hold: the caller's scope, the check of the body,
access to the model, rate limits, budgets, usage. The sources of a model are tried in order; `providers.relay.routing`
decides what follows after a failure, always before the first byte of a response. Closing the response closes the
connection to the provider and records the usage.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from providers import catalogue, json_bodies
from providers.errors import BadRequest, NotFound, ProviderError
from providers.facts import Caller, Route, Snapshot
from providers.process import waiting
from providers.relay import budgets, filtering, rate_limits, source_order
from providers.relay.operations import OPERATIONS, Operation
from providers.relay.request import RelayRequest, admit
from providers.relay.response import RelayResponse
from providers.relay.routing import cached, makers, one_source
from providers.relay.routing.after_failure import go_on
from providers.relay.routing.attempts import FAILURES, Outcome
from providers.relay.routing.call import RelayCall
from providers.relay.routing.keys import by_key
from providers.sentences import sentence as _


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
    call = RelayCall(request, operation, snapshot, admission, unpacked, remembered)
    if snapshot.filters and (filters := filtering.filters_of(request, operation, snapshot, route)):
        call.request, call.unpacked = await filtering.filtered(request, operation, filters), True
        route = route_of(call.request, operation, snapshot)  # a filter may choose another model
        return await filtering.shown(await _within_budgets(call, route), call.request, filters)
    return await (_within_budgets(call, route) if snapshot.budgets else _answer(call, route))


def check(request: RelayRequest) -> None:
    """Raise BadRequest for a body without what its operation needs. `begin` does it by itself."""
    OPERATIONS[request.operation].check(request.payload)


def check_room(caller: Caller, model: str) -> None:
    """Raise what the caller's next call of this model would raise now: NotFound, RateLimited, BudgetSpent.

    Counts and reserves nothing. For threads.
    """
    snapshot = catalogue.snapshot_blocking()
    route = snapshot.route_for(caller, model)
    if snapshot.rate_limits:
        rate_limits.check_room(caller, snapshot.rate_limits)
    if snapshot.budgets:
        budgets.check_left(caller, snapshot.budgets, route.counted_as)


async def _within_budgets(call: RelayCall, route: Route) -> RelayResponse:
    """The response, for which the caller's budgets hold what it may cost. Raises as `begin`."""
    if not call.snapshot.budgets:
        return await _answer(call, route)
    request = call.request
    estimate = budgets.of_call(call.snapshot, route, request.payload, request.raw, writes=call.operation.writes)
    call.hold = await budgets.reserve(request.caller, call.snapshot, route.counted_as, estimate)
    try:
        response = await _answer(call, route)
    except BaseException:
        call.hold.release()
        raise
    response.keep(call.hold)
    return response


async def _answer(call: RelayCall, route: Route) -> RelayResponse:
    """The response of a source, of another model in its place, or of the operation's cache. Raises as `begin`."""
    sources = source_order.in_order(route.sources, route.order)
    if route.has_keys:
        sources = by_key(sources)
    if call.operation.cache is not None:
        return await cached.through(call.operation.cache, call, route, sources)
    try:
        response = await one_source.ask(call, route, sources[0], [])
    except FAILURES as error:
        first: Outcome = error
    else:
        if response.status < 400:
            return response
        first = response
    return await go_on(call, route, sources, first, partial(one_source.ask, call))


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
