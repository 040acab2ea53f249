"""Calls of an operation with a cache."""

from collections.abc import Sequence
from typing import Any

from providers.facts import Route, Source
from providers.relay.operations import Cache
from providers.relay.response import CachedResponse, ProviderResponse, RelayResponse, RewrittenResponse
from providers.relay.routing import one_source
from providers.relay.routing.after_failure import go_on
from providers.relay.routing.attempts import FAILURES, Tried, outcome_of
from providers.relay.routing.call import RelayCall


async def through(cache: Cache, call: RelayCall, route: Route, sources: Sequence[Source]) -> RelayResponse:
    """What is stored, else the answer of a source or of another model, which is then stored as theirs.

    Raises as `calls.begin`.
    """
    request, remembered = call.request, call.remembered
    payload = request.payload

    def response_of(route: Route, clip: Any) -> CachedResponse:
        return CachedResponse(request, call.operation.scope, route, clip, call.admission)

    async def ask(other: Route, source: Source, tried: Tried) -> RelayResponse:
        async def download(source: Source) -> ProviderResponse | RewrittenResponse:
            response = await one_source.fetch(call, other, source, tried, unpacked=True)
            if call.hold is not None and response.status < 400:
                response.keep(call.hold)  # a download outlives the call, and counts what it used
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
    first = await outcome_of(ask(route, sources[0], Tried()))
    try:
        response = await go_on(call, route, sources, first, ask)
    except FAILURES:
        await cache.note(remembered, None)
        raise
    if response.status >= 400 and isinstance(response, CachedResponse):
        await cache.note(remembered, response.clip.refusal)
    return response
