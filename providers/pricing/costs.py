"""What a call costs, and what one will cost at most.

From weak to strong: the package of well-known prices, what the provider lists, the rows of administrators, and what the
provider itself said that the call cost. Without any of them the cost is unknown, not zero.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

from providers import catalogue, runtime
from providers.facts import ConnectionFacts, Snapshot, Source
from providers.pricing import known_prices, listed, rows
from providers.pricing.rates import ZERO, Quantities, Rates
from providers.process import background

MOST_KEPT = 4096  # prices; callers choose names of models
SPAN = 3600  # seconds for which a price is kept: some change with the hour
CLIENT_LEFT = 499  # of a usage record
NO_CONNECTION = 0  # the id of none


class PricedCall(Quantities, Protocol):
    """A call that has ended."""

    model: str  # public id
    upstream_id: str
    connection_id: int | None
    status: int
    first_byte_ms: int | None
    when: float
    cost: Decimal | None  # the provider's own figure


@dataclass(slots=True)
class Amount:
    """What a call may use: `Quantities` of an estimate."""

    tokens_in: int = 0
    tokens_out: int = 0
    images: int = 0
    characters: int = 0
    seconds: Decimal = ZERO
    picture_size: str = ""
    picture_quality: str = ""
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens_in: int = 0
    audio_tokens_out: int = 0
    picture_tokens_in: int = 0
    picture_tokens_out: int = 0


class Prices:
    """The rates that this process looked up, for one version of the configuration."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.rates: dict[tuple[int, str, str, int], Rates | None] = {}
        self.lock = threading.Lock()
        self.is_loading = False


def cost_of(usage: PricedCall, snapshot: Snapshot | None = None, *, wait: bool = True) -> Decimal | None:
    """What a call cost in US dollars; None where that is unknown. For threads: it may read rows and load prices.

    On the event loop give a snapshot and do not `wait`: well-known prices are unknown until they are loaded.

    A call that no provider answered, or that it refused, costs nothing.
    """
    if usage.cost is not None:
        return usage.cost
    is_empty = not (usage.tokens_in or usage.tokens_out or usage.images or usage.characters or usage.seconds)
    if is_empty and usage.status >= 400 and (usage.first_byte_ms is None or usage.status < CLIENT_LEFT):
        return ZERO
    snapshot = snapshot or catalogue.snapshot_blocking()
    if usage.connection_id is None:
        rates = _rates_without_connection(usage, snapshot)
    elif (source := _source_of(usage, snapshot)) is not None:
        rates = _rates(snapshot, usage.model, source, usage.when, wait=wait)
    else:
        return None
    if rates is None or (is_empty and rates.request is None):
        return None  # nothing was counted
    return rates.cost(usage)


def estimate(
    snapshot: Snapshot,
    public_id: str,
    source: Source,
    *,
    when: float,
    tokens_in: int = 0,
    tokens_out: int = 0,
    images: int = 0,
    characters: int = 0,
    seconds: Decimal = ZERO,
    picture_size: str = "",
    picture_quality: str = "",
) -> Decimal | None:
    """What a call through this source costs that uses so much; None where no price is known.

    For the event loop: it never waits. While the well-known prices are not loaded yet, they are unknown.
    """
    rates = _rates(snapshot, public_id, source, when, wait=False)
    if rates is None:
        return None
    amount = Amount(tokens_in, tokens_out, images, characters, seconds, picture_size, picture_quality)
    return rates.cost(amount)


def _source_of(usage: PricedCall, snapshot: Snapshot) -> Source | None:
    """The source of a call; one without the provider's object for models that are in no list."""
    route = snapshot.routes.get(usage.model)
    for source in route.sources if route is not None else ():
        if source.connection.id == usage.connection_id and usage.upstream_id in ("", source.upstream_id):
            return source
    connection = snapshot.connections.get(usage.connection_id or 0)
    return None if connection is None else Source(connection, usage.upstream_id or usage.model, {})


def _rates(snapshot: Snapshot, public_id: str, source: Source, when: float, *, wait: bool = True) -> Rates | None:
    prices = runtime.state(Prices)
    key = (source.connection.id, source.upstream_id, public_id, int(when) // SPAN)
    if prices.version != snapshot.version or len(prices.rates) >= MOST_KEPT:
        with prices.lock:
            prices.version, prices.rates = snapshot.version, {}
    try:
        return prices.rates[key]
    except KeyError:
        pass
    if not wait and not known_prices.is_loaded() and _needs_known(snapshot, public_id, source, when):
        _load(prices)
        return None
    rates = prices.rates[key] = _look_up(snapshot, public_id, source, when)
    return rates


def _load(prices: Prices) -> None:
    """Have a thread load the package of prices."""
    with prices.lock:
        begins, prices.is_loading = not prices.is_loading, True
    if begins:
        background.submit(known_prices.load)


def _stated(snapshot: Snapshot, public_id: str, source: Source, when: float) -> Rates | None:
    """The rates by rows, or by the provider's list."""
    if source.connection.demo:
        return FREE
    names: Iterable[str] = (public_id, source.upstream_id)
    return rows.rates_for(snapshot.prices, names, source.connection.id, _day(when)) or listed.rates_in(source.raw)


def _rates_without_connection(usage: PricedCall, snapshot: Snapshot) -> Rates | None:
    """The rates by rows for all connections: a picture engine may have an address of its own."""
    return rows.rates_for(snapshot.prices, (usage.model, usage.upstream_id), NO_CONNECTION, _day(usage.when))


def _day(when: float) -> date:
    return datetime.fromtimestamp(when, UTC).date()


def _needs_known(snapshot: Snapshot, public_id: str, source: Source, when: float) -> bool:
    return _is_known_place(source.connection) and _stated(snapshot, public_id, source, when) is None


def _look_up(snapshot: Snapshot, public_id: str, source: Source, when: float) -> Rates | None:
    stated = _stated(snapshot, public_id, source, when)
    if stated is not None or not _is_known_place(source.connection):
        return stated
    return known_prices.rates_for(source.connection.base_url, source.upstream_id, when)


def _is_known_place(connection: ConnectionFacts) -> bool:
    return known_prices.may_know(connection.base_url)


FREE = Rates(request=ZERO)
