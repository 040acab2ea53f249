"""What messages and deltas of chat completions hold, as servers write them. docs/upstreams/openai.md, “Chat stream”."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from providers import json_bodies
from providers.errors import ProviderError
from providers.sentences import sentence as _


class BegunCall(Protocol):
    """A call of a function that has begun in a stream."""

    call_id: str


C = TypeVar("C", bound=BegunCall)


def thoughts_in(message: Mapping[str, Any]) -> str:
    """The thoughts of a message or a delta."""
    return next((text for name in ("reasoning_content", "reasoning") if isinstance(text := message.get(name), str)), "")


def text_in(message: Mapping[str, Any]) -> str:
    """The text of a message or a delta, without a refusal."""
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def refusal_in(message: Mapping[str, Any]) -> str:
    refusal = message.get("refusal")
    return refusal if isinstance(refusal, str) else ""


def calls_in(message: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The calls of a message or a delta, each with its function."""
    given = message.get("tool_calls")
    calls = [call for call in given if isinstance(call, dict)] if isinstance(given, list) else []
    return [(call, call["function"] if isinstance(call.get("function"), dict) else {}) for call in calls]


def arguments_in(function: Mapping[str, Any]) -> str:
    """The arguments of a call, or a piece of them, as text."""
    given = function.get("arguments")
    if isinstance(given, dict):
        return json_bodies.dumps(given).decode()
    return given if isinstance(given, str) else ""


def logprobs_in(choice: Mapping[str, Any]) -> list[Any]:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return content if isinstance(content, list) else []


def key_of_call(calls: Mapping[Any, C], delta: Mapping[str, Any], function: Mapping[str, Any]) -> Any:
    """The key in `calls` of the call that a piece belongs to; one that is not there where a call begins.

    Some servers leave the index out, or give all calls the same one: then another id begins another call.
    """
    call_id = delta["id"] if isinstance(delta.get("id"), str) else ""
    name = function["name"] if isinstance(function.get("name"), str) else ""
    key = delta.get("index") if isinstance(delta.get("index"), int) else None
    if key is None:
        key = next(reversed(calls), None) if not call_id and not name else f"id {call_id or len(calls)}"
    call = calls.get(key)
    if call is not None and call_id and call.call_id and call_id != call.call_id and name:
        key = f"id {call_id}"
    return key


def number(counts: Any, name: str) -> int:
    """A count of a usage object; 0 where it is none."""
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def failure(error: Any) -> ProviderError:
    """The error of a frame that tells of one, with the provider's words."""
    shown = error if isinstance(error, dict) else {"message": error}
    words = shown.get("message")
    code = shown.get("code") or shown.get("type")
    return ProviderError(
        _("The provider ended the answer with an error."),
        code=code if isinstance(code, str) else "provider_error",
        provider=words[:2000] if isinstance(words, str) else "",
        retryable=True,
    )


def ended_early(reason: Any) -> ProviderError:
    """The error of a provider's own word for a failure in place of a finish reason."""
    return ProviderError(
        _("The provider ended the answer early."), code="ended_early", provider=str(reason)[:200], retryable=True
    )


def cut_off() -> ProviderError:
    """The error of a stream that ended without an end."""
    return ProviderError(_("The answer was cut off."), code="cut_off", retryable=True)


def too_long() -> ProviderError:
    return ProviderError(_("The answer is too long."), code="answer_too_large")
