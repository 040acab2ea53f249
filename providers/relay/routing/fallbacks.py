"""Another model instead of one that cannot answer: which, and for which reason. The list is that of the asked model.

Fallbacks of fallbacks are not followed, so that nothing goes in circles.
"""

from collections.abc import Iterator
from dataclasses import replace

from providers.errors import OF_CALLER, ConfigurationError, ContentRefused, NotFound, ProviderError
from providers.facts import Caller, Fallback, Route, Snapshot
from providers.models import FallbackReason
from providers.relay.operations import Operation
from providers.relay.response import RelayResponse
from providers.relay.routing.attempts import Outcome, error_of
from providers.upstream import error_bodies

HEADER = "x-webui-fallback"  # of an answer: the public id of the model that gave it


def reason_of(outcome: Outcome) -> str | None:
    """Why another model may answer instead; None where it would not help, or only the caller can mend it."""
    error = error_of(outcome)
    if isinstance(error, OF_CALLER):
        return None
    if isinstance(error, ContentRefused):
        return FallbackReason.CONTENT_FILTER.value
    if not isinstance(outcome, RelayResponse):
        return FallbackReason.UNAVAILABLE.value
    if error_bodies.is_too_long(outcome.status, error_bodies.read(outcome.refusal)):
        return FallbackReason.CONTEXT_LENGTH.value
    # 404: the provider no longer has the model. A fault: it refuses this site's key, or its account.
    is_away = isinstance(error, ProviderError) and (error.is_fault or error.retryable or error.status in (404, 410))
    return FallbackReason.UNAVAILABLE.value if is_away else None


def routes(snapshot: Snapshot, caller: Caller, operation: Operation, asked: Route, reason: str) -> Iterator[Route]:
    """The routes to try instead, in order: only those that the caller may use."""
    for fallback in asked.fallbacks:
        if reason in fallback.reasons and (route := route_of(snapshot, caller, operation, fallback)) is not None:
            # The asked model's own prompt and parameters stay: it may be a preset, and its people expect that.
            yield replace(
                route,
                params={**route.params, **asked.params},
                system_prompt=asked.system_prompt or route.system_prompt,
            )


def route_of(snapshot: Snapshot, caller: Caller, operation: Operation, fallback: Fallback) -> Route | None:
    """The route of a fallback; None where this caller may not use it, or nobody offers it."""
    try:
        return operation.route(snapshot, caller, fallback.public_id)
    except (NotFound, ConfigurationError):
        return None
