"""The prices of one model at one provider, and what a call costs by them. `Decimal` US dollars all the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

ZERO = Decimal(0)
MILLION = Decimal(10**6)


class Quantities(Protocol):
    """What a call used. `CallUsage` and `UsageRecord` have these members."""

    tokens_in: int  # cached, audio and picture tokens included
    tokens_out: int  # reasoning, audio and picture tokens included
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    audio_tokens_in: int
    audio_tokens_out: int
    picture_tokens_in: int
    picture_tokens_out: int
    images: int
    characters: int
    seconds: Decimal
    picture_size: str
    picture_quality: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars for one token, picture, character, second of audio, request. None: this price says nothing of it."""

    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None  # None: as the input
    cache_write: Decimal | None = None  # None: as the input
    reasoning: Decimal | None = None  # None: as the output
    audio_input: Decimal | None = None  # None: as the input
    audio_output: Decimal | None = None  # None: as the output
    picture_input: Decimal | None = None  # of a token; None: as the input
    picture_output: Decimal | None = None  # of a token; None: as the output
    picture: Decimal | None = None
    pictures: Mapping[str, Decimal] = field(default_factory=dict)  # "1024x1024 high", "1024x1024" or "high" → dollars
    character: Decimal | None = None
    second: Decimal | None = None
    request: Decimal | None = None
    above: tuple[tuple[int, "Rates"], ...] = ()  # (tokens of input, the rates of calls with more), ascending

    def cost(self, used: Quantities) -> Decimal | None:
        """What a call costs; None where these rates price nothing of what it used."""
        for start, rates in reversed(self.above):
            if used.tokens_in > start:
                return rates.cost(used)
        parts = (
            *self._input(used),
            *self._output(used),
            _times(self._picture(used), used.images),
            _times(self.character, used.characters),
            _times(self.second, used.seconds),
            self.request,
        )
        known = [part for part in parts if part is not None]
        return sum(known, ZERO) if known else None

    def _input(self, used: Quantities) -> tuple[Decimal | None, ...]:
        """The parts of the input. Each token has one price: the cache's counts before those of audio and pictures."""
        plain = self.input
        left = used.tokens_in
        parts = []
        for rate, count in (
            (self.cached_input, used.cached_tokens),
            (self.cache_write, used.cache_write_tokens),
            (self.audio_input, used.audio_tokens_in),
            (self.picture_input, used.picture_tokens_in),
        ):
            if rate is not None and (taken := min(count, left)) > 0:
                parts.append(rate * taken)
                left -= taken
        return (*parts, _times(plain, left))

    def _output(self, used: Quantities) -> tuple[Decimal | None, ...]:
        left = used.tokens_out
        parts = []
        for rate, count in (
            (self.reasoning, used.reasoning_tokens),
            (self.audio_output, used.audio_tokens_out),
            (self.picture_output, used.picture_tokens_out),
        ):
            if rate is not None and (taken := min(count, left)) > 0:
                parts.append(rate * taken)
                left -= taken
        return (*parts, _times(self.output, left))

    def _picture(self, used: Quantities) -> Decimal | None:
        """The price of one picture, by size and quality, one of them, or at all."""
        size, quality = used.picture_size.lower(), used.picture_quality.lower()
        for name in (f"{size} {quality}", size, quality):
            if (rate := self.pictures.get(name)) is not None:
                return rate
        return self.picture


def _times(rate: Decimal | None, count: int | Decimal) -> Decimal | None:
    return rate * count if rate is not None and count else None
