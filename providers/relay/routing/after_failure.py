"""What becomes of a call whose first try failed."""

from collections.abc import Sequence

from providers.facts import Route, Source
from providers.relay import source_order
from providers.relay.response import RelayResponse
from providers.relay.routing import attempts, fallbacks
from providers.relay.routing.attempts import Attempts, Fetch, Outcome, Tried
from providers.relay.routing.call import RelayCall
from providers.relay.routing.keys import by_key
from providers.upstream.headers import plain


async def go_on(
    call: RelayCall, route: Route, sources: Sequence[Source], first: Outcome, fetch: Fetch
) -> RelayResponse:
    """The answer to a call whose first try came to `first`: of another try, of another model, else the failure.

    Raises as `calls.begin`.
    """
    request, operation = call.request, call.operation
    caller, tried = request.caller, Tried()
    own = Attempts(fetch, operation, route, sources, caller=caller, body=request.payload, tried=tried)
    outcome = await own.go_on(first)
    if attempts.has_answered(outcome) or not route.fallbacks or (reason := fallbacks.reason_of(outcome)) is None:
        return attempts.result(outcome)
    own.note(outcome)
    try:  # the failure stays open: where no other model answers, it is the answer
        for other in fallbacks.routes(call.snapshot, caller, operation, route, reason):
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
