"""The objects of the Responses API: a response, its items, their parts. docs/upstreams/openai.md, “Responses API”."""

from collections.abc import Sequence
from typing import Any

from providers.dialects.chat_form import ended_early, number
from providers.dialects.translation import Body, ClientRequest

# Members that a response repeats from its request → what they are where it has none.
ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
ENDS: dict[str, str | None] = {  # finish reason of a chat completion → why the response is incomplete
    "stop": None,
    "tool_calls": None,
    "function_call": None,
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


def response(request: ClientRequest, response_id: str, *, output: Sequence[Body] = (), **more: Any) -> Body:
    """A response that is under way; `more` are its members that differ. It is not stored anywhere."""
    body = request.body
    echoed = {name: usual if body.get(name) is None else body[name] for name, usual in ECHOED.items()}
    return {
        "id": response_id,
        "object": "response",
        "created_at": request.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": request.model,
        "output": list(output),
        "previous_response_id": None,
        "service_tier": "default",
        "store": False,
        "usage": None,
        **echoed,
        **more,
    }


def ending(finish_reason: Any, created: int) -> Body:
    """The members of a response that has ended. Raises ProviderError for a provider's own word for a failure."""
    if not isinstance(finish_reason, str) or finish_reason not in ENDS:
        raise ended_early(finish_reason)
    reason = ENDS[finish_reason]
    if reason is None:
        return {"status": "completed", "completed_at": created}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def id_of(chat_id: Any, prefix: str) -> str:
    """An id of the Responses API, made of that of a chat completion."""
    name = str(chat_id or "").removeprefix("chatcmpl-")
    return name if name.startswith(f"{prefix}_") else f"{prefix}_{name}"


def text_part(text: str, logprobs: Sequence[Any] = ()) -> Body:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}


def refusal_part(text: str) -> Body:
    return {"type": "refusal", "refusal": text}


def message(item_id: str, status: str, content: Sequence[Body] = ()) -> Body:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": list(content)}


def reasoning(item_id: str, status: str, text: str = "") -> Body:
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": item_id, "type": "reasoning", "status": status, "summary": summary}


def call(item_id: str, status: str, call_id: str, name: str, arguments: str = "") -> Body:
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def usage(counts: Any) -> Body | None:
    """The usage of a chat completion as that of a response; None where the provider told none."""
    if not isinstance(counts, dict):
        return None
    sent, written = counts.get("prompt_tokens_details"), counts.get("completion_tokens_details")
    tokens_in, tokens_out = number(counts, "prompt_tokens"), number(counts, "completion_tokens")
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {
            "cached_tokens": number(sent, "cached_tokens"),
            "cache_write_tokens": number(sent, "cache_write_tokens"),
        },
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": number(written, "reasoning_tokens")},
        "total_tokens": tokens_in + tokens_out,
    }
