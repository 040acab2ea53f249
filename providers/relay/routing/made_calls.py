"""Calls about a response that was made."""

from collections.abc import Mapping

from providers import catalogue
from providers.facts import Caller, Route, Source
from providers.relay import budgets, rate_limits
from providers.relay.made import memory
from providers.relay.made.table import OnMade, at_response, query_of
from providers.relay.prepared import prepare
from providers.relay.request import RelayRequest, admit
from providers.relay.response import ProviderResponse, RelayResponse
from providers.relay.routing import attempts, makers
from providers.relay.routing.attempts import Attempts, Tried


async def begin(row: OnMade, caller: Caller, response_id: str, query: str, cookies: Mapping[str, str]) -> RelayResponse:
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
