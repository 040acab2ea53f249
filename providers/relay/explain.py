"""What would happen to a request: access, sources in order, addresses, headers, bodies, limits left, price.

It is made with the verbs of the real call, calls nobody and counts nothing: a credential that would have to be fetched
is shown as a mask. Whatever is secret is masked.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group

from providers import auth, callers, catalogue
from providers.catalogue import health
from providers.catalogue.access_reasons import why
from providers.errors import BadRequest, ConfigurationError, Forbidden, GatewayError, NotFound, Unauthenticated
from providers.facts import Caller, ConnectionFacts, Route, Snapshot, Source
from providers.fields import MASK, hint_of
from providers.http.redaction import credential_in
from providers.models import ClientKey, Connection
from providers.pricing import costs, known_prices, money
from providers.process import waiting
from providers.relay import calls, filtering, own_usage, payload, rate_limits, source_order, targets, translated
from providers.relay.budgets import estimates
from providers.relay.budgets.accounts import plain
from providers.relay.operations import BY_DIALECT, OPERATIONS, Operation
from providers.relay.prepared import Prepared, prepare
from providers.relay.request import RelayRequest, admit
from providers.relay.routing import fallbacks, makers
from providers.relay.routing.keys import by_key
from providers.relay.serializers import JSON
from providers.relay.usage import stream_usage
from providers.sentences import sentence as _
from providers.upstream import kinds
from providers.upstream.header_templates import is_template

EXPLAINED = {name: row for name, row in OPERATIONS.items() if row.media_type == JSON}
READY, RESTING, UNUSABLE, ANSWERED_HERE = "ready", "resting", "unusable", "answered_here"  # states of sources


@dataclass(frozen=True, slots=True)
class Asker:
    """In whose name a request is explained."""

    caller: Caller
    refusal: GatewayError | None = None  # why nothing that they send is accepted
    key: ClientKey | None = None


def of_person(user: Any) -> Asker:
    """A person without a key."""
    return Asker(callers.caller_for_user(user), _refusal(callers.check_active, user))


def of_key(row: ClientKey) -> Asker:
    end = row.expires_at.timestamp() if row.expires_at else None
    refusal = _refusal(callers.check_valid, row) or _refusal(callers.check_not_ended, end)
    return Asker(callers.caller_of_key(row), refusal, row)


def _refusal(check: Any, value: Any) -> GatewayError | None:
    try:
        check(value)
    except Unauthenticated as error:
        return error
    return None


def explain(operation: str, body: Mapping[str, Any], asker: Asker) -> dict[str, Any]:
    """`{caller, access, order, sources, filters, fallbacks, limits, price}` for a request. For threads: it reads rows.

    Raises BadRequest for an unknown operation, and for a body that a call would refuse.
    """
    row = EXPLAINED.get(operation)
    if row is None:
        raise BadRequest(
            _("“operation” must be one of: %(names)s.") % {"names": ", ".join(EXPLAINED)}, param="operation"
        )
    row.check(body)
    caller, snapshot = asker.caller, catalogue.snapshot_blocking()
    request = RelayRequest(operation, caller, dict(body))
    groups = dict(Group.objects.values_list("pk", "name"))
    always = {"caller": _caller(asker), "limits": limits_of(caller, snapshot, body.get("model"))}
    try:
        if asker.refusal is not None:
            raise asker.refusal
        admit(caller, row.scope)
        route = calls.route_of(request, row, snapshot)
        if row.made_id is not None and body.get("previous_response_id") is not None:
            route = waiting.on_loop(makers.at_maker)(request, row, route, snapshot)
    except (Unauthenticated, Forbidden, NotFound, ConfigurationError) as error:
        access = _no_access(error, snapshot, body, caller, groups)
        return {**always, "access": access, "order": None, "sources": [], "filters": [], "fallbacks": [], "price": None}
    sources = by_key(source_order.in_order(route.sources, route.order), takes_turn=False)
    return {
        **always,
        "access": {"allowed": True, "model": route.public_id, "reason": why(route, caller, groups)},
        "order": route.order,
        "sources": waiting.on_loop(_sources)(request, row, route, sources, _faults(sources)),
        "filters": [entry.name for entry in filtering.filters_of(request, row, snapshot, route)],
        "fallbacks": _fallbacks(snapshot, caller, row, route),
        "price": _price(snapshot, row, route, sources[0], body),
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members that rules added, changed and removed, by name: `{member, change, before, after}`; the value that
    is not there is missing.
    """
    rows = []
    for name in sorted(before.keys() | after.keys()):
        values: dict[str, Any] = {}
        if name in before:
            values["before"] = before[name]
        if name in after:
            values["after"] = after[name]
        if len(values) == 2 and values["before"] == values["after"]:
            continue
        change = "changed" if len(values) == 2 else "added" if "after" in values else "removed"
        rows.append({"member": name, "change": change, **values})
    return rows


def _caller(asker: Asker) -> dict[str, Any]:
    caller, key = asker.caller, asker.key
    return {
        "email": caller.email,
        "role": caller.role,
        "groups": list(caller.group_names),
        "key": None if key is None else {
            "name": key.name,
            "prefix": key.prefix,
            "scopes": key.scopes,
            "models": key.models.split(),
            "addresses": key.addresses.split(),
        },
    }  # fmt: skip


def _no_access(
    error: GatewayError, snapshot: Snapshot, body: Mapping[str, Any], caller: Caller, groups: dict[int, str]
) -> dict[str, Any]:
    model = body.get("model")
    route = snapshot.routes.get(model) if isinstance(model, str) else None
    reason = error.message
    if route is not None and isinstance(error, NotFound):
        is_for_others = not caller.may_use(route.public_id)
        reason = _("the key is for other models") if is_for_others else why(route, caller, groups)
    return {"allowed": False, "model": model, "code": error.code, "reason": str(reason)}


# --- sources ----------------------------------------------------------------------------------------------------------


def _faults(sources: list[Source]) -> dict[int, str]:
    """The last error of each connection, by its id."""
    ids = {source.connection.id for source in sources}
    return dict(Connection.objects.filter(pk__in=ids).values_list("pk", "last_error"))


async def _sources(
    request: RelayRequest, operation: Operation, route: Route, sources: list[Source], faults: dict[int, str]
) -> list[dict[str, Any]]:
    return [await _source(request, operation, route, source, faults) for source in sources]


async def _source(
    request: RelayRequest, operation: Operation, route: Route, source: Source, faults: dict[int, str]
) -> dict[str, Any]:
    connection = source.connection
    shown: dict[str, Any] = {
        "connection": connection.name,
        "connection_id": connection.id,
        "state": RESTING if health.is_source_resting(connection.id, source.upstream_id) else READY,
        "last_error": faults.get(connection.id, ""),
    }
    nothing: dict[str, Any] = {"url": "", "headers": {}, "body": None, "changes": None, "rules": []}
    try:
        asked, body, rules = _body(request, operation, route, source)
        if asked is None:
            return {**shown, **nothing, "state": ANSWERED_HERE}
        prepared = await prepare(request, asked, route, _without_fetching(source))
    except (BadRequest, ConfigurationError) as error:
        return {**shown, **nothing, "state": UNUSABLE, "error": error.full_message}
    headers = masked(connection, prepared)
    if is_fetched(connection):
        headers["Authorization"] = MASK
    return {
        **shown,
        "form": asked.dialect.value if asked.dialect is not None else "",
        "url": prepared.secrets.clean_text(prepared.url),
        "headers": headers,
        "body": body,
        "changes": _names(differences(request.payload, body)),
        "rules": rules,
    }


def _body(
    request: RelayRequest, operation: Operation, route: Route, source: Source
) -> tuple[Operation | None, dict[str, Any], list[str]]:
    """The operation that the connection is asked for (None: it is not asked), the body for it, and the names of the
    rules that changed it.
    """
    rules: list[str] = []
    translation = translated.translation_for(operation, source.connection)
    if translation is not None and operation.estimate is not None:
        return None, {}, rules
    asked = operation if translation is None else BY_DIALECT[translation.dialect]
    options: dict[str, Any] = {"translation": translation, "changed": rules, "cookies": request.cookies}
    body = payload.rewrite(operation, request.payload, route=route, source=source, caller=request.caller, **options)
    if asked.has_stream_options and stream_usage.is_to_ask(body, source):
        body = stream_usage.asking(body)
        rules.append("stream_options")
    return asked, body, rules


def _names(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    for row in rows:
        names[row["change"]].append(row["member"])
    return names


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


# --- what follows, limits, price --------------------------------------------------------------------------------------


def _fallbacks(snapshot: Snapshot, caller: Caller, operation: Operation, route: Route) -> list[dict[str, Any]]:
    """The models that would be tried instead, in order, for which reasons, and whether this caller may use them."""
    shown = []
    for fallback in route.fallbacks:
        other = fallbacks.route_of(snapshot, caller, operation, fallback)
        sources = () if other is None else source_order.in_order(other.sources, other.order)
        names = list(dict.fromkeys(source.connection.name for source in sources))
        reasons = sorted(fallback.reasons)
        shown.append(
            {"model": fallback.public_id, "reasons": reasons, "allowed": other is not None, "connections": names}
        )
    return shown


def limits_of(caller: Caller, snapshot: Snapshot, model: Any) -> list[dict[str, Any]]:
    """The rate limits and budgets that count a request, with what is left of each now: without this request, and
    without what calls under way have reserved. `refuses`: whether it would be refused. Money is in the shown currency.
    """
    return [*_rate_limits(caller, snapshot), *_budgets(caller, snapshot, model if isinstance(model, str) else None)]


def _rate_limits(caller: Caller, snapshot: Snapshot) -> list[dict[str, Any]]:
    buckets = rate_limits.buckets_for(caller, snapshot.rate_limits)
    now = time.time()
    return [
        {
            "kind": "rate_limit",
            "target": targets.target_of(bucket.name),
            "counts": bucket.counts,
            "seconds": bucket.seconds,
            "limit": bucket.limit,
            "used": used,
            "left": max(0, bucket.limit - used),
            "resets_at": datetime.fromtimestamp(now + bucket.resets_in(now), UTC).replace(microsecond=0).isoformat(),
            "refuses": rate_limits.is_reached(bucket, used),
        }
        for bucket, used in zip(buckets, rate_limits.used_now(buckets, now), strict=True)
    ]


def _budgets(caller: Caller, snapshot: Snapshot, model: str | None) -> list[dict[str, Any]]:
    return [
        {
            "kind": "budget",
            "name": state.name,
            "target": state.target,
            "unit": state.unit,
            "period": state.period,
            "models": state.pattern,
            "amount": plain(state.amount),
            "spent": plain(state.spent),
            "left": plain(state.left),
            "resets_at": state.resets_at.isoformat(),
            "refuses": state.is_spent,
        }
        for state in own_usage.budgets_of(caller, model)
    ]


def _price(
    snapshot: Snapshot, operation: Operation, route: Route, source: Source, body: Mapping[str, Any]
) -> dict[str, Any] | None:
    """An estimate through the first source, in the shown currency; None where no price is known."""
    if not known_prices.is_loaded():
        known_prices.load()
    tokens_in = estimates.input_tokens(None, body)
    tokens_out = estimates.output_tokens(body) if operation.writes else 0
    text = body.get("input")
    cost = money.shown(
        costs.estimate(
            snapshot,
            route.counted_as,
            source,
            when=time.time(),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            characters=len(text) if isinstance(text, str) else 0,
        ),
        snapshot.gateway,
    )
    if cost is None:
        return None
    currency = snapshot.gateway.currency
    return {"cost": plain(cost), "currency": currency, "tokens_in": tokens_in, "tokens_out": tokens_out}
