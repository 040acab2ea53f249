"""Thinking and sampling of a chat completion, as the asked model takes them.

Models differ: docs/upstreams/anthropic.md, “Thinking and sampling”. What the list says of a model counts; without it
its name does.
"""

import re
from typing import Any

from providers.dialects.translation import AskedModel, Body

BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 32_000}
LEVELS = ("max", "xhigh", "high", "medium", "low")
OFF = ("none",)
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?(?!\d)", re.IGNORECASE)
_SIGNED = "reasoning.text"
_ENCRYPTED = "reasoning.encrypted"  # both as OpenRouter names them: docs/upstreams/openrouter.md


def with_thinking(asked: Body, body: Body, model: AskedModel) -> Body:
    """The request with `thinking` and effort for the client's `reasoning_effort`, or its own `thinking`."""
    if isinstance(own := body.get("thinking"), dict):  # as Anthropic's own compatible surface takes it
        return {**asked, "thinking": own}
    effort = _effort(body)
    if effort is None:
        return asked
    modes = _modes(model)
    if effort in OFF:
        return {**asked, "thinking": {"type": "disabled"}} if "disabled" in modes else asked
    if asked.get("tool_choice", {}).get("type") in ("any", "tool"):  # a call that is wanted leaves no room for thoughts
        return asked
    if "adaptive" in modes:
        level = next((level for level in LEVELS[LEVELS.index(effort) :] if _has_effort(model, level)), None)
        config = {**asked.get("output_config", {}), **({"effort": level} if level else {})}
        thinking = {"thinking": {"type": "adaptive", "display": "summarized"}}
        return {**asked, **thinking, **({"output_config": config} if config else {})}
    if "enabled" not in modes or _lacks_thoughts(asked["messages"]):
        return asked
    budget, limit = BUDGETS[effort], asked["max_tokens"]
    if not isinstance(limit, int):
        return asked
    return {**asked, "max_tokens": limit + budget, "thinking": {"type": "enabled", "budget_tokens": budget}}


def _effort(body: Body) -> str | None:
    """The wanted effort as Anthropic names it; None where the client names none that is known."""
    effort = body.get("reasoning_effort")
    if effort is None and isinstance(reasoning := body.get("reasoning"), dict):  # OpenRouter's form
        effort = reasoning.get("effort")
    if effort == "minimal":
        return "low"
    return effort if isinstance(effort, str) and effort in (*LEVELS, *OFF) else None


def _lacks_thoughts(messages: list[Body]) -> bool:
    """Whether the answer that is being completed began without thoughts: with a budget, they may not begin later."""
    for message in reversed(messages):
        if message["role"] == "assistant":
            return message["content"][0]["type"] not in ("thinking", "redacted_thinking")
        if not any(block["type"] == "tool_result" for block in message["content"]):
            return False
    return False


def with_sampling(asked: Body, body: Body, model: AskedModel) -> Body:
    """The request with temperature, `top_p` and `top_k` where the model takes them: one of the first two at most."""
    thinks = asked.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if thinks or not _takes_sampling(model):
        return asked
    sampling = {name: body[name] for name in ("temperature", "top_p", "top_k") if body.get(name) is not None}
    if "temperature" in sampling:
        sampling.pop("top_p", None)
        heat = sampling["temperature"]
        if isinstance(heat, int | float) and heat > 1:  # OpenAI's scale ends at 2
            sampling["temperature"] = 1
    return {**asked, **sampling}


# --- what a model takes -----------------------------------------------------------------------------------------------


def _modes(model: AskedModel) -> frozenset[str]:
    """The values of `thinking.type` that the model takes."""
    types = _capability(model, "thinking").get("types")
    if isinstance(types, dict):
        return frozenset(name for name in ("adaptive", "enabled", "disabled") if _is_supported(types.get(name)))
    version = _version(model)
    if version is None or version >= (4, 6):
        return frozenset(("adaptive", "disabled"))
    return frozenset(("enabled", "disabled")) if version >= (3, 7) else frozenset()


def _has_effort(model: AskedModel, level: str) -> bool:
    effort = _capability(model, "effort")
    if effort:
        return _is_supported(effort) and _is_supported(effort.get(level))
    return level in ("low", "medium", "high")


def _takes_sampling(model: AskedModel) -> bool:
    """Models that think only as they like (since 4.7) refuse it."""
    modes = _modes(model)
    if _capability(model, "thinking"):
        return "adaptive" not in modes or "enabled" in modes
    version = _version(model)
    return version is None or version < (4, 7)


def _version(model: AskedModel) -> tuple[int, int] | None:
    match = _VERSION.search(model.upstream_id)
    return (int(match["major"]), int(match["minor"] or 0)) if match else None


def _capability(model: AskedModel, name: str) -> dict[str, Any]:
    capabilities = model.raw.get("capabilities")
    capability = capabilities.get(name) if isinstance(capabilities, dict) else None
    return capability if isinstance(capability, dict) else {}


def _is_supported(capability: Any) -> bool:
    return isinstance(capability, dict) and capability.get("supported") is True


# --- thoughts that go back --------------------------------------------------------------------------------------------


def blocks_of(details: Any) -> list[Body]:
    """The blocks that `reasoning_details` of an earlier answer were made of, without unsigned ones: Anthropic refuses
    them. Of a stream, the entries with the same index are the parts of one block.
    """
    blocks: list[Body] = []
    last: Any = None  # the index of the last block
    for detail in details if isinstance(details, list) else ():
        match detail:
            case {"type": "reasoning.text"}:
                given = (detail.get("text"), detail.get("signature"))
                text, signature = (value if isinstance(value, str) else "" for value in given)
                index = detail.get("index")
                if index is not None and index == last and blocks[-1]["type"] == "thinking":
                    blocks[-1]["thinking"] += text
                    blocks[-1]["signature"] += signature
                else:
                    blocks.append({"type": "thinking", "thinking": text, "signature": signature})
                last = index
            case {"type": "reasoning.encrypted", "data": str(data)} if data:
                blocks.append({"type": "redacted_thinking", "data": data})
                last = None
    return [block for block in blocks if block.get("signature") != ""]


def signed(text: str, signature: str, index: int) -> Body:
    """The entry of `reasoning_details` for thoughts with a signature."""
    return {"type": _SIGNED, "text": text, "signature": signature, "index": index}


def part(text: str, index: int) -> Body:
    """A part of such an entry, whose signature follows."""
    return {"type": _SIGNED, "text": text, "index": index}


def encrypted(data: str, index: int) -> Body:
    return {"type": _ENCRYPTED, "data": data, "index": index}
