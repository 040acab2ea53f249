"""Prices of well-known providers, from the package `genai-prices`.

The package takes 30 MB and some hundred milliseconds to load. So it is loaded by the first call to a provider on the
public internet whose price is asked for, in a thread.
"""

import ipaddress
import sys
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from providers import runtime
from providers.pricing.rates import MILLION, Rates

# Names of the package → ours, and the units of its price.
TOKENS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
    "input_image_mtok": "picture_input",
    "output_image_mtok": "picture_output",
    "input_mchars": "character",
}
HOURS = ("input_audio_hours", "audio_hours")
THOUSAND, HOUR = Decimal(1000), Decimal(3600)


class KnownPrices:
    """Whether the package was told to keep itself up to date (`PRICES_REFRESH`), which its own thread does."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.updater: Any = None

    def start(self) -> None:
        if not settings.PRICES_REFRESH or self.updater is not None:
            return
        with self.lock:
            if self.updater is None:
                from genai_prices import UpdatePrices  # see above

                self.updater = UpdatePrices()
                self.updater.start()

    def close(self) -> None:
        if self.updater is not None:
            self.updater.stop()


def may_know(base_url: str) -> bool:
    """Whether the address may be that of a well-known provider: neither a bare name nor an address of a network."""
    host = urlsplit(base_url).hostname or ""
    if "." not in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return not host.endswith((".local", ".internal", ".localhost", ".lan", ".home", ".test", ".invalid"))
    return False


def load() -> None:
    """Load the package and its list."""
    rates_for("https://api.openai.com/v1", "gpt-5", time.time())


def is_loaded() -> bool:
    return "genai_prices" in sys.modules


def rates_for(base_url: str, model: str, when: float) -> Rates | None:
    """The rates of a model at the provider with this address; None where they are not known. May take a second."""
    from genai_prices import Usage, calc_price  # see above

    runtime.state(KnownPrices).start()
    try:
        moment = datetime.fromtimestamp(when, UTC)
        price = calc_price(Usage(), model, provider_api_url=base_url, genai_request_timestamp=moment).model_price
    except LookupError:
        return None
    prices = {name: value for name, value in vars(price).items() if value is not None}
    starts = sorted({tier.start for value in prices.values() for tier in getattr(value, "tiers", ())})
    above = tuple((start, _rates({name: _at(value, start) for name, value in prices.items()})) for start in starts)
    return _rates({name: _at(value, -1) for name, value in prices.items()}, above)


def _at(price: Any, tokens: int) -> Decimal:
    """The price of a call with more than so many tokens of input."""
    value = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        if tokens >= tier.start:
            value = tier.price
    return Decimal(value)


def _rates(prices: dict[str, Decimal], above: tuple[tuple[int, Rates], ...] = ()) -> Rates:
    values: dict[str, Any] = {ours: prices[name] / MILLION for name, ours in TOKENS.items() if name in prices}
    hours = next((prices[name] for name in HOURS if name in prices), None)
    return Rates(
        **values,
        second=None if hours is None else hours / HOUR,
        request=prices["requests_kcount"] / THOUSAND if "requests_kcount" in prices else None,
        above=above,
    )
