"""Prices that administrators entered: which row counts for a call."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from providers.facts import PriceFacts
from providers.pricing.rates import Rates

WILD = frozenset("*?[")
# Columns of `Price` for `per` units: tokens and characters.
PER_UNITS = (
    *("input", "cached_input", "cache_write", "output", "reasoning", "character"),
    *("audio_input", "audio_output", "picture_input", "picture_output"),
)


def rates_for(rows: Iterable[PriceFacts], names: Iterable[str], connection_id: int, day: date) -> Rates | None:
    """The rates of the row that fits best: of this connection before any, the narrower pattern, the latest date.

    `names` are the public id of a model and its id at the provider. None where no row fits.
    """
    lowered = [name.lower() for name in names if name]
    fitting = [row for row in rows if _fits(row, lowered, connection_id, day)]
    return _rates(max(fitting, key=_rank)) if fitting else None


def _fits(row: PriceFacts, names: list[str], connection_id: int, day: date) -> bool:
    if row.connection_id not in (None, connection_id) or (row.valid_from is not None and row.valid_from > day):
        return False
    pattern = row.pattern.lower()
    return any(name == pattern or fnmatchcase(name, pattern) for name in names)


def _rank(row: PriceFacts) -> tuple[bool, bool, int, date, int]:
    is_exact = WILD.isdisjoint(row.pattern)
    length = len([char for char in row.pattern if char not in WILD])
    return row.connection_id is not None, is_exact, length, row.valid_from or date.min, row.id


def _rates(row: PriceFacts) -> Rates:
    per = Decimal(row.per or 1)
    values: dict[str, Any] = {name: None if (price := row.prices[name]) is None else price / per for name in PER_UNITS}
    return Rates(
        **values,
        picture=row.prices["picture"],
        second=row.prices["second"],
        request=row.prices["request"],
        pictures=row.pictures,
    )
