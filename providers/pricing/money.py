"""Costs as people see them: in the currency of the site's settings."""

from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import number_format

from providers.facts import GatewayFacts

DECIMALS, DIGITS = 2, 4  # after the point; of amounts below one, as a call costs little


def shown(cost: Decimal | None, gateway: GatewayFacts) -> Decimal | None:
    """A cost in US dollars in the currency to show; None where it is unknown."""
    return None if cost is None else cost * gateway.currency_rate


def in_words(cost: Decimal | None, gateway: GatewayFacts, unknown: str = "–") -> str:
    """A cost in US dollars for people to read: "1,234.50 EUR", "0.0001235 EUR"."""
    amount = shown(cost, gateway)
    return unknown if amount is None else f"{rounded(amount)} {gateway.currency}"


def rounded(amount: Decimal) -> str:
    """An amount of the currency to show, without its name."""
    decimals = DECIMALS if not amount or amount.adjusted() >= 0 else max(DECIMALS, DIGITS - 1 - amount.adjusted())
    rounded = amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP).normalize()
    exponent = rounded.as_tuple().exponent
    return number_format(rounded, max(DECIMALS, -int(exponent)), force_grouping=True)
