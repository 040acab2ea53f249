"""Whether a caller may still have a response that is under way."""

from functools import partial

from providers import runtime
from providers.errors import Forbidden
from providers.facts import Caller, Route, Snapshot
from providers.permits import Permits, PermitScope
from providers.relay import budgets, rate_limits
from providers.relay.request import admit
from providers.sentences import sentence as _


def permit_scope(caller: Caller, scope: str, route: Route, connection_id: int | None) -> PermitScope:
    """Around whatever waits for the response: its block ends with the reason when the caller loses the permission.

    `connection_id`: None for a response from a cache.
    """
    return PermitScope(caller, check=partial(_check_access, scope, route.public_id, route.counted_as, connection_id))


def _check_access(
    scope: str, public_id: str, counted_as: str, connection_id: int | None, snapshot: Snapshot, caller: Caller
) -> None:
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
        budgets.check_not_empty(caller, snapshot.budgets, counted_as)


def open_calls() -> int:
    """How many calls to providers this process has open now, streams for the most part."""
    held = list(runtime.state(Permits).held)
    return sum(isinstance(permit.check, partial) and permit.check.func is _check_access for permit in held)


def _access_ended(public_id: str) -> Forbidden:
    return Forbidden(_("You may no longer use the model “%(id)s”.") % {"id": public_id}, code="access_ended")
