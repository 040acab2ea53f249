"""Prices that a provider lists with its models: OpenRouter's `pricing` (docs/upstreams/openrouter.md, “Model list”)."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.pricing.rates import Rates

DEAREST = Decimal(1000)  # dollars of one token or request; a larger figure is no price


def rates_in(raw: Mapping[str, Any]) -> Rates | None:
    """The rates in a provider's own object of a model; None where it lists none.

    OpenRouter writes dollars of one token or request as text, and -1 where the price depends on the call.
    """
    pricing = raw.get("pricing")
    if not isinstance(pricing, dict) or not isinstance(pricing.get("prompt"), str):
        return None
    prompt, completion = _price(pricing.get("prompt")), _price(pricing.get("completion"))
    if prompt is None or completion is None:
        return None
    return Rates(
        input=prompt,
        output=completion,
        cached_input=_price(pricing.get("input_cache_read")),
        cache_write=_price(pricing.get("input_cache_write")),
        reasoning=_price(pricing.get("internal_reasoning")) or None,  # 0: it is in the output
        request=_price(pricing.get("request")) or None,
    )


def _price(value: Any) -> Decimal | None:
    try:
        price = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return price if price is not None and price.is_finite() and 0 <= price < DEAREST else None
