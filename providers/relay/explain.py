"""What would happen to a request: access, sources in order, addresses, headers, bodies, rate limits, price.

It is made with the verbs of the real call and calls nobody: a credential that would have to be fetched is shown as a
mask. Whatever is secret is masked.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import Group

from providers import auth, catalogue
from providers.catalogue import health
from providers.catalogue.access_reasons import why
from providers.errors import BadRequest, ConfigurationError, GatewayError, NotFound
from providers.facts import Caller, ConnectionFacts, Route, Snapshot, Source
from providers.fields import MASK, hint_of
from providers.http.redaction import credential_in
from providers.pricing import costs
from providers.process import waiting
from providers.relay import calls, payload, rate_limits, source_order
from providers.relay.budgets import estimates
from providers.relay.operations import JSON, OPERATIONS, Operation
from providers.relay.prepared import Prepared, prepare
from providers.relay.request import RelayRequest
from providers.relay.routing.keys import by_key
from providers.sentences import sentence as _
from providers.upstream import kinds
from providers.upstream.header_templates import is_template


async def explain(operation: str, body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """`{access, sources, limits, price}` for a request of this caller.

    Raises BadRequest for an unknown operation, and for a body that a call would refuse.
    """
    row = OPERATIONS.get(operation)
    if row is None or row.media_type != JSON:
        known = ", ".join(name for name, other in OPERATIONS.items() if other.media_type == JSON)
        raise BadRequest(_("“operation” must be one of: %(names)s.") % {"names": known}, param="operation")
    row.check(body)
    request = RelayRequest(operation, caller, dict(body))
    snapshot = await catalogue.snapshot()
    groups = await waiting.in_own_thread(_group_names)
    try:
        route = calls.route_of(request, row, snapshot)
    except (NotFound, ConfigurationError) as error:
        return {**_no_access(error, snapshot, body, caller, groups), "limits": _limits(caller, snapshot), "price": None}
    sources = by_key(source_order.in_order(route.sources, route.order), takes_turn=False)
    return {
        "access": {"allowed": True, "model": route.public_id, "reason": why(route, caller, groups)},
        "sources": [await _source(request, row, route, source) for source in sources],
        "limits": _limits(caller, snapshot),
        "price": _price(snapshot, row, route, sources[0], body),
    }


def _group_names() -> dict[int, str]:
    return dict(Group.objects.values_list("pk", "name"))


def _no_access(
    error: GatewayError, snapshot: Snapshot, body: Mapping[str, Any], caller: Caller, groups: dict[int, str]
) -> dict[str, Any]:
    model = body.get("model")
    route = snapshot.routes.get(model) if isinstance(model, str) else None
    reason = error.message if route is None or isinstance(error, ConfigurationError) else why(route, caller, groups)
    return {"access": {"allowed": False, "model": model, "code": error.code, "reason": reason}, "sources": []}


async def _source(request: RelayRequest, operation: Operation, route: Route, source: Source) -> dict[str, Any]:
    connection = source.connection
    resting = health.is_source_resting(connection.id, source.upstream_id)
    shown: dict[str, Any] = {"connection": connection.name, "state": "resting" if resting else "ready"}
    try:
        body = payload.rewrite(operation, request.payload, route=route, source=source, caller=request.caller)
        prepared = await prepare(request, operation, route, _without_fetching(source))
    except (BadRequest, ConfigurationError) as error:
        return {**shown, "state": "unusable", "error": error.full_message, "url": "", "headers": {}, "body": None}
    headers = masked(connection, prepared)
    if is_fetched(connection):
        headers["Authorization"] = MASK
    return {
        **shown,
        "url": prepared.secrets.clean_text(prepared.url),
        "headers": headers,
        "body": body,
        "changes": changes(request.payload, body),
    }


def is_fetched(connection: ConnectionFacts) -> bool:
    """Whether the credential is fetched from elsewhere, or is that of whoever calls."""
    auth_type = auth.AUTH_TYPES.get(connection.auth_type)
    return auth_type is not None and (auth_type.blocking or auth_type.needs_user)


def _without_fetching(source: Source) -> Source:
    if not is_fetched(source.connection):
        return source
    return replace(source, connection=replace(source.connection, auth_type="none"))


def masked(connection: ConnectionFacts, prepared: Prepared) -> dict[str, str]:
    """The headers, in which whatever is secret is a mask."""
    custom = {name.lower() for name, value in connection.headers.items() if not is_template(value)}
    own = {*custom, "cookie", (kinds.of(connection).key_header or "").lower()}
    shown = {}
    for name, value in prepared.headers.items():
        if credential := credential_in(name, value):
            value = value.replace(credential, hint_of(credential))
        elif name.lower() in own or name.lower().endswith("user-jwt"):
            value = hint_of(value)
        shown[name] = value
    return shown


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """The members that rules added, changed and removed."""
    return {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        "removed": sorted(before.keys() - after.keys()),
    }


def _limits(caller: Caller, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The rate limits that count the request."""
    return [
        {"counts": bucket.counts, "seconds": bucket.seconds, "limit": bucket.limit}
        for bucket in rate_limits.buckets_for(caller, snapshot.rate_limits)
    ]


def _price(
    snapshot: Snapshot, operation: Operation, route: Route, source: Source, body: Mapping[str, Any]
) -> dict[str, Any] | None:
    """An estimate in US dollars through the first source; None where no price is known."""
    tokens_in = estimates.input_tokens(None, body)
    tokens_out = estimates.output_tokens(body) if operation.writes else 0
    cost = costs.estimate(
        snapshot, route.public_id, source, when=time.time(), tokens_in=tokens_in, tokens_out=tokens_out
    )
    if cost is None:
        return None
    return {"cost": str(cost), "currency": "USD", "tokens_in": tokens_in, "tokens_out": tokens_out}
