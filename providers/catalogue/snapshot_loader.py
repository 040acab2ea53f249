"""Makes the snapshot from rows. The number of queries does not depend on the number of rows."""

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from providers import addresses, auth, units
from providers.facts import (
    BudgetFacts,
    ConnectionFacts,
    Fallback,
    FilterFacts,
    GatewayFacts,
    PriceFacts,
    RateLimitFacts,
    Route,
    Snapshot,
    Source,
)
from providers.fields import is_unreadable
from providers.http import Limits, Tls
from providers.matching import patterns
from providers.models import (
    Budget,
    ChatModel,
    Connection,
    FallbackReason,
    GatewaySettings,
    ModelSource,
    Price,
    RateLimit,
)
from providers.secrets.pasted import cleaned
from providers.upstream import kinds, model_lists
from providers.versioning import ConfigVersion

ASK_AGAIN = timedelta(days=7)

logger = logging.getLogger(__name__)


def load_version() -> int:
    """The version of the configuration; 0 before the first change."""
    return ConfigVersion.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def load_snapshot(version: int) -> Snapshot:
    """Read the whole configuration. `version` was read before, so that a later change is noticed by its number."""
    connections = _load_connections()
    sources, filters = _load_sources(connections)
    routes = _load_routes(sources)
    return Snapshot(
        version=version,
        routes=routes,
        connections=connections,
        gateway=_load_gateway(),
        rate_limits=_load_rate_limits(),
        prices=_load_prices(),
        budgets=tuple(budget_facts(row) for row in Budget.objects.filter(enabled=True)),
        speaking=tuple(route for name, route in sorted(routes.items()) if model_lists.is_for_speech(name)),
        transcribing=tuple(route for name, route in sorted(routes.items()) if model_lists.is_for_transcripts(name)),
        filters=tuple(sorted(filters, key=lambda row: row.priority)),
    )


def _load_rate_limits() -> tuple[RateLimitFacts, ...]:
    return tuple(rate_limit_facts(row) for row in RateLimit.objects.filter(enabled=True))


def rate_limit_facts(row: RateLimit) -> RateLimitFacts:
    """The facts of a rate limit's row, which need not be saved."""
    numbers = {name: getattr(row, name) for name in RateLimit.numbers()}
    return RateLimitFacts(**_columns(RateLimitFacts, row, id=row.pk or 0, numbers=numbers))


def _load_prices() -> tuple[PriceFacts, ...]:
    names = Price.amounts()
    return tuple(
        PriceFacts(
            **_columns(
                PriceFacts,
                row,
                prices={name: getattr(row, name) for name in names},
                pictures=row.pictures_by_name() or {},
            )
        )
        for row in Price.objects.all()
    )


def budget_facts(row: Budget) -> BudgetFacts:
    """The facts of a budget's row, which need not be saved."""
    amount = units.smallest(row.unit, row.amount)
    warn_from = None if row.warn_at is None else max(1, math.ceil(amount * Decimal(str(row.warn_at))))
    models = patterns.compiled(row.pattern)
    computed = {"id": row.pk or 0, "amount": amount, "warn_from": warn_from, "models": models}
    return BudgetFacts(**_columns(BudgetFacts, row, **computed))


def _columns(facts: type, row: models.Model, **computed: Any) -> dict[str, Any]:
    """The fields of a facts class: the computed ones, and the others from the row's attributes of the same names."""
    return {field.name: getattr(row, field.name) for field in fields(facts) if field.name not in computed} | computed


def facts_of(
    row: Connection,
    *,
    group_ids: Iterable[int] = (),
    index: int = 0,
    site_url: Callable[[], str] = addresses.known_site_origin,
    site_name: Callable[[], str] = addresses.site_name,
) -> ConnectionFacts:
    """The facts of a connection's row, which need not be saved."""
    owner = kinds.at(row.base_url)
    computed = {
        "id": row.pk or 0,
        "base_url": kinds.clean_base_url(row.kind, row.base_url),
        "secret": cleaned(row.secret),
        "auth_options": dict(row.auth_options),
        "tags": tuple(row.tags),
        "headers": dict(row.headers),
        "forward_cookies": _cookies(row),
        "limits": Limits(
            connect=row.connect_timeout or settings.UPSTREAM_CONNECT_TIMEOUT,
            first_byte=row.first_byte_timeout or settings.UPSTREAM_FIRST_BYTE_TIMEOUT,
            idle=row.idle_timeout or settings.UPSTREAM_TIMEOUT,
        ),
        "tls": Tls(verify=row.verify_tls and settings.UPSTREAM_VERIFY_TLS, ca_file=row.ca_file),
        "group_ids": frozenset(group_ids),
        "model_ids": tuple(row.model_ids),
        "more_keys": tuple(cleaned(key) for key in row.more_keys.values() if not is_unreadable(row.more_keys)),
        "extra_params": dict(row.extra_params),
        "dropped_params": tuple(row.dropped_params),
        "index": index,
        "site_url": site_url() if owner is not None and owner.attribution else "",
        "site_name": site_name() if _is_told_name(owner) else "",
    }
    return ConnectionFacts(**_columns(ConnectionFacts, row, **computed))


def _is_told_name(owner: kinds.ConnectionKind | None) -> bool:
    """Whether calls to this server name this site: in their attribution, or as who signs the user headers."""
    signs = settings.ENABLE_FORWARD_USER_INFO_HEADERS and settings.FORWARD_USER_INFO_HEADER_JWT_SECRET
    return bool(signs or (owner is not None and owner.attribution))


def _cookies(row: Connection) -> str:
    """The cookie rule: the row's own, else `others` for auth types that send the caller's credential, else `none`."""
    if row.forward_cookies != Connection.Cookies.AUTO:
        return row.forward_cookies
    return "others" if auth.needs_user(row.auth_type) else "none"


def _load_connections() -> dict[int, ConnectionFacts]:
    groups = _pairs(Connection.groups.through.objects, "connection_id", "group_id")
    # The demo last: the flat configuration has no index for it.
    rows = enumerate(Connection.objects.order_by("demo", "position", "pk"))
    site_url, site_name = cache(addresses.known_site_origin), cache(addresses.site_name)
    return {
        row.pk: facts_of(row, group_ids=groups[row.pk], index=index, site_url=site_url, site_name=site_name)
        for index, row in rows
        if row.enabled
    }


def _load_routes(sources: defaultdict[int, list[Source]]) -> dict[str, Route]:
    groups = _pairs(ChatModel.groups.through.objects, "chatmodel_id", "group_id")
    users = _pairs(ChatModel.users.through.objects, "chatmodel_id", "user_id")
    rows = {row.pk: row for row in ChatModel.objects.filter(enabled=True).order_by("public_id").defer("created")}
    routes = {
        row.pk: _route(row, tuple(sources[row.pk]), group_ids=groups[row.pk], user_ids=users[row.pk])
        for row in rows.values()
    }
    for pk, row in rows.items():
        if row.base_id is not None:
            _resolve(pk, rows, routes, ())
    return {route.public_id: route for route in routes.values() if route.sources}


def _route(row: ChatModel, sources: tuple[Source, ...], *, group_ids: list[int], user_ids: list[int]) -> Route:
    """The route of a model. Where its row is empty, the provider's own object counts."""
    first = sources[0] if sources else None
    raw = first.raw if first else {}
    return Route(
        public_id=row.public_id,
        name=row.name or _shown_name(first) or row.public_id,
        description=row.description or model_lists.description_of(raw),
        sources=sources,
        base_id=None,
        params=dict(row.params),
        system_prompt=row.system_prompt,
        owner_id=row.owner_id,
        access=row.access,
        group_ids=frozenset(group_ids),
        user_ids=frozenset(user_ids),
        tags=tuple(row.tags),
        vision=model_lists.vision_of(raw) if row.vision is None else row.vision,
        tools=_tools(first) if row.tools is None else row.tools,
        context_length=row.context_length or _context_length(sources),
        order=row.order,
        fallbacks=tuple(_fallbacks(row)),
        has_keys=any(source.connection.more_keys for source in sources),
        extra_params=dict(row.extra_params),
        dropped_params=tuple(row.dropped_params),
        for_chat=not sources or any(model_lists.is_for_chat(s.connection, s.upstream_id) for s in sources),
    )


def _fallbacks(row: ChatModel) -> Iterator[Fallback]:
    """What a row lists, whoever wrote it: entries that cannot be read, or name the model itself, are left out."""
    for entry in row.fallbacks if isinstance(row.fallbacks, list) else ():
        model, reasons = (entry.get("model"), entry.get("on")) if isinstance(entry, dict) else (entry, None)
        if isinstance(model, str) and model != row.public_id:
            listed = reasons if isinstance(reasons, list) and reasons else FallbackReason.values
            yield Fallback(model, frozenset(listed) & frozenset(FallbackReason.values))


def _context_length(sources: tuple[Source, ...]) -> int | None:
    """The least that a provider of the model tells: any of them may answer."""
    lengths = [length for source in sources if (length := model_lists.context_length_of(source.raw))]
    return min(lengths, default=None)


def _tools(source: Source | None) -> bool | None:
    """Whether the model calls functions, by the provider's object or the model's name; the demo does not."""
    if source is None:
        return None
    if source.connection.demo:
        return False
    listed = model_lists.tools_of(source.raw)
    return listed if listed is not None else model_lists.is_known_to_call(source.connection, source.upstream_id) or None


def _shown_name(source: Source | None) -> str:
    """The provider's display name, followed by the connection's prefix, so that equal names differ."""
    name = model_lists.name_of(source.raw) if source else ""
    return f"{name} ({source.connection.prefix_id})" if source and name and source.connection.prefix_id else name


def _resolve(pk: int, rows: dict[int, ChatModel], routes: dict[int, Route], above: tuple[int, ...]) -> Route | None:
    """Give a preset the sources of its base, bases first. None where a base is missing or the presets form a circle."""
    route = routes.get(pk)
    base_pk = rows[pk].base_id if pk in rows else None
    if route is None or base_pk is None or route.base_id is not None:
        return route
    if pk in above:
        logger.warning(
            "The presets %s are based on each other and are left out.", sorted(rows[key].public_id for key in above)
        )
        return None
    base = _resolve(base_pk, rows, routes, (*above, pk))
    if base is None:
        routes.pop(pk, None)
        return None
    routes[pk] = resolved = _inherited(route, base, needs_base=rows[pk].needs_base)
    return resolved


def _inherited(preset: Route, base: Route, *, needs_base: bool) -> Route:
    """A preset with its base's values where it has none of its own."""
    rule: dict[str, Any] = {}
    if preset.access == "inherit":
        rule = {
            "access": base.access,
            "group_ids": base.group_ids,
            "user_ids": base.user_ids,
            "owner_id": preset.owner_id if preset.owner_id is not None else base.owner_id,
        }
    return replace(
        preset,
        sources=base.sources,
        base_id=base.public_id,
        params={**base.params, **preset.params},
        system_prompt=preset.system_prompt or base.system_prompt,
        tags=preset.tags or base.tags,
        vision=base.vision if preset.vision is None else preset.vision,
        tools=base.tools if preset.tools is None else preset.tools,
        context_length=preset.context_length or base.context_length,
        order=base.order,
        fallbacks=preset.fallbacks or base.fallbacks,
        has_keys=base.has_keys,
        extra_params={**base.extra_params, **preset.extra_params},
        dropped_params=tuple(dict.fromkeys((*base.dropped_params, *preset.dropped_params))),
        for_chat=base.for_chat,
        needs=base if needs_base else None,
        **rule,
    )


def _load_sources(
    connections: dict[int, ConnectionFacts],
) -> tuple[defaultdict[int, list[Source]], list[FilterFacts]]:
    """The sources by model, and the filters, which are in the lists of their servers but are no models."""
    sources: defaultdict[int, list[Source]] = defaultdict(list)
    filters: list[FilterFacts] = []
    rows = (
        ModelSource.offered()
        .order_by("connection__position", "connection_id", "pk")
        .values_list("model_id", "connection_id", "upstream_id", "raw", "weight", "unknown_params", "usage_refused")
    )
    for model_id, connection_id, upstream_id, raw, weight, unknown, refused in rows:
        connection = connections.get(connection_id)
        if connection is None:
            continue
        if (row := model_lists.filter_of(raw)) is not None:
            name = model_lists.name_of(raw) or upstream_id
            filters.append(FilterFacts(connection, upstream_id, name, row.targets, row.priority))
        else:
            source = Source(connection, upstream_id, raw, weight, set(unknown), asks_usage=not _is_recent(refused))
            sources[model_id].append(source)
    return sources, filters


def _is_recent(refused: datetime | None) -> bool:
    """Whether a provider refused the question for the usage of streams lately; servers are updated."""
    return refused is not None and timezone.now() - refused < ASK_AGAIN


def _load_gateway() -> GatewayFacts:
    row = GatewaySettings.objects.filter(pk=1).first()
    if row is not None:
        return GatewayFacts(**_columns(GatewayFacts, row))
    environment = {field.name: field.name.upper() for field in fields(GatewayFacts)}
    values = {name: getattr(settings, setting, None) for name, setting in environment.items()}
    return GatewayFacts(**{name: value for name, value in values.items() if value is not None})


def _pairs(rows: "models.Manager[Any]", key_column: str, value_column: str) -> defaultdict[int, list[int]]:
    """The values of a many-to-many relation by key."""
    pairs: defaultdict[int, list[int]] = defaultdict(list)
    for key, value in rows.values_list(key_column, value_column):
        pairs[key].append(value)
    return pairs
