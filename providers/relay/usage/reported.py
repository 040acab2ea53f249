"""The details of a usage object, in the forms of all providers: read by the writer's thread, not on the event loop.

Sources: docs/upstreams/usage.md
"""

from collections.abc import Mapping
from decimal import Decimal
from json import JSONDecoder
from typing import Any

from providers.relay.usage.call_usage import MAX_TOKENS, CallUsage

MAX_COST = Decimal(10**6)  # dollars of one call; a larger figure is no cost

_decoder = JSONDecoder(parse_float=Decimal)
_INPUT = ("prompt_tokens", "input_tokens")
_OUTPUT = ("completion_tokens", "output_tokens")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
# Tokens that were read from the provider's cache, where they do not stand in the details of the input.
_CACHED = ("cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")
_CACHE_WRITES = ("cache_write_tokens", "cache_creation_tokens")
TICKS = Decimal(10**10)  # of xAI, in a dollar


def read(usage: CallUsage) -> None:
    """Fill the fields that `reported` tells of, and forget it. Never raises."""
    text, usage.reported = usage.reported, b""
    if not text:
        return
    try:
        value, _end = _decoder.raw_decode(text.decode(errors="replace"))
    except (ValueError, RecursionError):  # longer than what was kept of it
        return
    if isinstance(value, dict):
        fill(usage, value)


def fill(usage: CallUsage, value: Mapping[str, Any]) -> None:
    """Fill the fields that this usage object tells of. Input includes what was cached, output the reasoning."""
    numbers = _numbers(value)
    inputs, outputs = _object(value, _INPUT_DETAILS), _object(value, _OUTPUT_DETAILS)
    usage.cached_tokens = inputs.get("cached_tokens", 0) or _first(numbers, _CACHED)
    created = numbers.get("cache_creation_input_tokens", 0)
    usage.cache_write_tokens = created or _first(inputs, _CACHE_WRITES)
    usage.reasoning_tokens = outputs.get("reasoning_tokens", 0) or numbers.get("reasoning_tokens", 0)
    usage.audio_tokens_in, usage.audio_tokens_out = inputs.get("audio_tokens", 0), outputs.get("audio_tokens", 0)
    usage.picture_tokens_in, usage.picture_tokens_out = inputs.get("image_tokens", 0), outputs.get("image_tokens", 0)
    if "prompt_tokens" not in value and not _has(value, _INPUT_DETAILS):
        # Anthropic counts what was cached apart from the input
        read = numbers.get("cache_read_input_tokens", 0)
        usage.tokens_in = min(usage.tokens_in + read + created, MAX_TOKENS)
    _add_hidden(usage, numbers)
    if seconds := _number(value.get("prompt_audio_seconds")):  # Mistral's
        usage.seconds = seconds
    cost = _cost_in(value)
    if cost is not None and 0 <= cost < MAX_COST:
        usage.cost = cost


def _add_hidden(usage: CallUsage, numbers: Mapping[str, int]) -> None:
    """Add tokens that only the total counts: xAI's and Gemini's reasoning stands beside the output, not in it."""
    hidden = numbers.get("total_tokens", 0) - _first(numbers, _INPUT) - _first(numbers, _OUTPUT)
    if hidden > 0 and usage.tokens_out and (not usage.reasoning_tokens or usage.reasoning_tokens == hidden):
        usage.tokens_out = min(usage.tokens_out + hidden, MAX_TOKENS)
        usage.reasoning_tokens = hidden


def _cost_in(value: Mapping[str, Any]) -> Decimal | None:
    """The provider's own figure in dollars; None where it gives none."""
    cost = value.get("cost")
    if isinstance(cost, dict):  # Perplexity's
        return _number(cost.get("total_cost"))
    if cost is not None:  # OpenRouter's; with a key of one's own there, the provider behind is paid apart
        charged, more = _number(cost), value.get("cost_details")
        behind = _number(more.get("upstream_inference_cost")) if isinstance(more, dict) else None
        return charged + behind if charged is not None and behind and value.get("is_byok") is True else charged
    if (ticks := _number(value.get("cost_in_usd_ticks"))) is not None:  # xAI's
        return ticks / TICKS
    return _number(value.get("estimated_cost"))  # DeepInfra's


def _has(value: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """Whether one of these members is an object with something in it."""
    return any(isinstance(item := value.get(name), dict) and item for name in names)


def _object(value: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, int]:
    """The numbers of tokens in the first of these members that is an object."""
    for name in names:
        item = value.get(name)
        if isinstance(item, dict):
            return _numbers(item)
    return {}


def _numbers(value: Mapping[str, Any]) -> dict[str, int]:
    """The members that are numbers of tokens. `type` leaves out truth values, which are integers to Python."""
    return {name: min(item, MAX_TOKENS) for name, item in value.items() if type(item) is int and item >= 0}


def _first(numbers: Mapping[str, int], names: tuple[str, ...]) -> int:
    """The first of these members that is there; 0 without one."""
    for name in names:
        if name in numbers:
            return numbers[name]
    return 0


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() and number >= 0 else None
