"""What providers tell of the tokens of one call, in OpenAI's two forms and in Anthropic's."""

from collections.abc import Mapping
from typing import Any

MOST = 2**31 - 1  # of a column


def tokens_of(usage: Mapping[str, Any]) -> int | None:
    """The tokens of a conversation with the answer that this call added; None where the provider does not tell."""
    total = _number(usage, "total_tokens")
    if total is None:
        sent = _number(usage, "prompt_tokens", "input_tokens")
        if sent is None:
            return None
        total = sent + (_number(usage, "completion_tokens", "output_tokens") or 0)
    return min(total, MOST)


def cached_of(usage: Mapping[str, Any] | None) -> int | None:
    """The tokens that the provider found in its prompt cache; None where it does not tell."""
    if not isinstance(usage, Mapping):
        return None
    for name in ("prompt_tokens_details", "input_tokens_details"):
        details = usage.get(name)
        if isinstance(details, Mapping) and (cached := _number(details, "cached_tokens")) is not None:
            return cached
    return _number(usage, "cache_read_input_tokens", "prompt_cache_hit_tokens")


def _number(values: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None
