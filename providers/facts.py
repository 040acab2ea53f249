"""Frozen values made from the configuration rows, and the rule of who may use which model.

The fast path reads these values, never a row.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from providers.errors import ConfigurationError, NotFound
from providers.http import Limits, Tls
from providers.sentences import sentence as _


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, or a program with a person's key. `role` is `admin` or `user`; empty `scopes` means everything."""

    user_id: int
    email: str
    name: str
    role: str
    group_ids: frozenset[int] = frozenset()
    group_names: tuple[str, ...] = ()
    key_id: int | None = None
    scopes: frozenset[str] = frozenset()
    models: re.Pattern[str] | None = field(default=None, repr=False, compare=False)  # of the key: `patterns.compiled`
    secret_digest: str = field(default="", repr=False, compare=False)  # of the key's secret that was sent
    address: str = field(default="", repr=False, compare=False)  # of the client, as the key was sent from it
    # Makes a short-lived token with which a provider may call models in the caller's name; None where it may not.
    token: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    # Of a session or a token: what it rests on, which another password changes; "" for a key.
    proof: str = field(default="", repr=False)
    sign_in: int | None = None  # the sign-in through a provider (`SignIn`) that the session rests on
    # Returns the access token of that sign-in, renewed. Blocks. Raises NoCredential where there is none.
    oauth_token: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def may(self, scope: str) -> bool:
        """Whether the key in use has this scope (see `callers.SCOPES`)."""
        return not self.scopes or scope in self.scopes

    def may_use(self, public_id: str) -> bool:
        """Whether the key in use may call a model of this id; whether its person may is another question."""
        return self.models is None or self.models.match(public_id) is not None


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One enabled connection. `base_url` has no trailing slash; the time limits are its own or the environment's."""

    id: int
    name: str
    kind: str
    base_url: str
    secret: str = field(repr=False)
    auth_type: str
    auth_options: Mapping[str, Any] = field(repr=False)
    api_version: str
    prefix_id: str
    tags: tuple[Any, ...]
    connection_type: str
    headers: Mapping[str, str] = field(repr=False)
    forward_cookies: str
    limits: Limits
    tls: Tls
    position: int
    access: str
    group_ids: frozenset[int]
    demo: bool
    model_ids: tuple[str, ...]
    shared_access: str = "strictest"  # whose rules count for shared models: see `Route.sources_for`
    site_url: str = ""  # the address of this site, for providers that are told it (`ConnectionKind.attribution`)
    site_name: str = field(default="", compare=False)  # its name, for these providers and for signed user headers
    extra_params: Mapping[str, Any] = field(default_factory=dict)  # members of every JSON body, instead of given ones
    dropped_params: tuple[str, ...] = ()  # members that are left out of every JSON body
    learn_params: bool = False
    speaks: str = ""  # which of OpenAI's forms: see `kinds.spoken`
    more_keys: tuple[str, ...] = field(default=(), repr=False)  # calls take turns with these and `secret`
    retries: int = 0  # of the last source of a call
    retry_seconds: float = 0.0
    index: int = 0  # position among all connections: the `urlIdx` of the flat configuration and of the model list

    def allows(self, caller: Caller) -> bool:
        """Whether this connection's own rule lets the caller in; models may say otherwise."""
        if self.access == "public" or is_trusted(caller):
            return True
        return self.access == "groups" and not self.group_ids.isdisjoint(caller.group_ids)


@dataclass(frozen=True, slots=True)
class Source:
    """One connection that offers a model: the model's id there, and the provider's own object that describes it."""

    connection: ConnectionFacts
    upstream_id: str
    raw: Mapping[str, Any] = field(repr=False)
    weight: int = 1
    unknown: set[str] = field(default_factory=set, compare=False)  # parameters that it called unknown; it may grow
    # Parameters with values that it does not take, as JSON: at most `relay.routing.learning.MOST`; it may grow.
    refused: set[tuple[str, str]] = field(default_factory=set, compare=False)
    asks_usage: bool = field(default=True, compare=False)  # whether it is asked for the usage of streams
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # what is made of these

    @property
    def is_shared(self) -> bool:
        """Whether the rules of the model's other sources count for this one too."""
        return self.connection.shared_access != "own"


@dataclass(frozen=True, slots=True)
class Fallback:
    """A model that answers instead of another one, for these reasons (`FallbackReason`)."""

    public_id: str
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True)
class Route:
    """One public model id and its sources. A preset (`base_id`) has the sources of its base.

    With `needs` it opens that base to nobody, and its calls are counted and paid as calls of it.
    """

    public_id: str
    name: str
    description: str
    sources: tuple[Source, ...]
    base_id: str | None
    params: Mapping[str, Any]
    system_prompt: str
    owner_id: int | None
    access: str  # `inherit` asks the connections of the sources; a preset that inherits has its base's rule here
    group_ids: frozenset[int]
    user_ids: frozenset[int]
    tags: tuple[Any, ...]
    vision: bool | None
    tools: bool | None = None  # whether it calls functions; None = not known: no tools are offered to it
    context_length: int | None = None  # tokens that it reads at once, with the answer; None = not known
    order: str = "position"  # in which calls try the sources: a value of `SourceOrder`
    fallbacks: tuple[Fallback, ...] = ()
    has_keys: bool = False  # whether a connection has several keys
    extra_params: Mapping[str, Any] = field(default_factory=dict)  # as those of a connection, over which they win
    dropped_params: tuple[str, ...] = ()
    needs: "Route | None" = field(default=None, repr=False, compare=False)  # the base whose rule counts as well
    for_chat: bool = True  # false for other models of the official API: they can be called but are not listed

    @property
    def is_local(self) -> bool:
        """Whether the model runs on our own machines, by the setting of its first connection."""
        return self.sources[0].connection.connection_type == "local"

    @property
    def is_demo(self) -> bool:
        """Whether only the built-in demo offers the model."""
        return all(source.connection.demo for source in self.sources)

    @property
    def counted_as(self) -> str:
        """The public id under which calls are recorded, priced and held against budgets."""
        return self.public_id if self.needs is None else self.needs.counted_as

    def sources_for(self, caller: Caller) -> tuple[Source, ...]:
        """The sources that this caller may use, in order of position; none without access to the model.

        A model with the access `inherit` is for callers whom all of its connections let in, so that a further
        connection opens it to nobody. A connection with the `shared_access` `own` is judged by its own rule alone.
        A key with models of its own gets no others, whoever its person is.
        """
        return self._open_to(caller) if caller.may_use(self.public_id) else ()

    def _open_to(self, caller: Caller) -> tuple[Source, ...]:
        """The sources for the person behind a key, whichever models the key is for."""
        allowed = self._by_own_rule(caller)
        return self.needs._open_to(caller) if allowed and self.needs is not None else allowed

    def is_listed_for(self, caller: Caller) -> bool:
        """Whether a caller who may use the model finds it in lists. Administrators are not shown the presets that
        people made for themselves and their groups, unless they are among them.
        """
        return self.for_chat and (self.needs is None or bool(self._by_own_rule(caller, trusted=False)))

    def _by_own_rule(self, caller: Caller, *, trusted: bool | None = None) -> tuple[Source, ...]:
        if trusted is None:  # what somebody made for few is opened to everybody by no variable
            trusted = is_trusted(caller) if self.needs is None else caller.is_admin
        if self.access == "public" or caller.user_id == self.owner_id or trusted:
            return self.sources
        if self.access == "inherit" and len(self.sources) == 1:
            return self.sources if self.sources[0].connection.allows(caller) else ()
        if self.access == "inherit":
            shared = all(source.connection.allows(caller) for source in self.sources if source.is_shared)
            allowed = tuple(
                source for source in self.sources if (shared if source.is_shared else source.connection.allows(caller))
            )
            return self.sources if len(allowed) == len(self.sources) else allowed
        if self.access == "groups" and (
            caller.user_id in self.user_ids or not self.group_ids.isdisjoint(caller.group_ids)
        ):
            return self.sources
        return ()


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """A filter of a pipelines server: it is called before and after the models that it names."""

    connection: ConnectionFacts
    id: str  # at the server
    name: str
    targets: frozenset[str] | None  # public ids of models; None: every model
    priority: float = 0

    def filters(self, route: Route) -> bool:
        """Whether calls of a model pass through it; a preset's also where it names the base."""
        return self.targets is None or route.public_id in self.targets or route.base_id in self.targets


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """The settings of the gateway as a whole."""

    enable_openai_api: bool = True
    task_model: str = ""
    task_model_external: str = ""
    default_model: str = ""
    speech_model: str = ""
    speech_voice: str = ""
    transcription_model: str = ""
    currency: str = "USD"  # in which costs are shown
    currency_rate: Decimal = Decimal(1)  # its units for a US dollar
    filter_api_calls: bool = False  # calls of programs pass through the filters too, as those of chats do


@dataclass(frozen=True, slots=True)
class RateLimitFacts:
    """One row of `RateLimit`. `numbers` maps its columns (`providers.relay.rate_limits.RULES`) to how much is
    allowed; None means no limit."""

    id: int
    target: str  # everyone, user, group, key
    target_id: int | None
    numbers: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """One row of `Price`. `prices` maps its columns to US dollars, for `per` tokens or characters; None: not stated."""

    id: int
    pattern: str
    connection_id: int | None
    valid_from: date | None
    per: int
    prices: Mapping[str, Decimal | None]
    pictures: Mapping[str, Decimal]  # by size and quality


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """One row of `Budget`. `amount` and `warn_from` are whole numbers of the smallest units that are counted: tokens,
    pictures, or billionths of a US dollar (`providers.units`)."""

    id: int
    name: str
    target: str  # everyone, user, group, key, site
    target_id: int | None
    unit: str  # money, tokens, pictures
    amount: int
    period: str  # day, week, month
    warn_from: int | None  # people are warned when this much is used; None: never
    pattern: str = ""
    models: re.Pattern[str] | None = field(default=None, compare=False)  # matches public ids; None: all

    def counts(self, model: str) -> bool:
        """Whether calls of this model, a public id, count."""
        return self.models is None or self.models.match(model) is not None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole configuration at one version."""

    version: int
    routes: Mapping[str, Route]
    connections: Mapping[int, ConnectionFacts]
    gateway: GatewayFacts
    rate_limits: tuple[RateLimitFacts, ...] = ()
    prices: tuple[PriceFacts, ...] = ()
    budgets: tuple[BudgetFacts, ...] = ()
    speaking: tuple[Route, ...] = ()  # the `routes` that are speech models by their names
    transcribing: tuple[Route, ...] = ()  # those that write down what is said, by their names
    filters: tuple[FilterFacts, ...] = ()  # in the order in which they are called

    def route_for(self, caller: Caller, public_id: str) -> Route:
        """The route with the sources that this caller may use, in order of position.

        Raises NotFound (`model_not_found`) for unknown and forbidden alike, ConfigurationError while it is off.
        """
        if not self.gateway.enable_openai_api:
            raise ConfigurationError(
                _("All connections are switched off. An administrator can switch them on in the gateway settings."),
                code="connections_disabled",
            )
        route = self.routes.get(public_id)
        sources = route.sources_for(caller) if route is not None else ()
        if route is None or not sources:
            raise model_not_found(public_id)
        return route if sources is route.sources else replace(route, sources=sources)

    def routes_for(self, caller: Caller) -> list[Route]:
        """Every route to list for this caller, by public id; empty while the gateway is off."""
        if not self.gateway.enable_openai_api:
            return []
        routes = []
        for route in self.routes.values():
            sources = route.sources_for(caller) if route.is_listed_for(caller) else ()
            if sources:
                routes.append(route if sources is route.sources else replace(route, sources=sources))
        return routes


def model_not_found(public_id: str) -> NotFound:
    """The same error for unknown models and for forbidden ones."""
    return NotFound(
        _("The model “%(id)s” does not exist or you do not have access to it.") % {"id": public_id},
        code="model_not_found",
        param="model",
    )


def is_trusted(caller: Caller) -> bool:
    """Administrators see everything; `BYPASS_MODEL_ACCESS_CONTROL` (environment alone) lets everybody."""
    return caller.is_admin or settings.BYPASS_MODEL_ACCESS_CONTROL
