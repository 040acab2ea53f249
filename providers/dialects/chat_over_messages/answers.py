"""Anthropic's answers as chat completions, whole and streamed. docs/upstreams/anthropic.md."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from providers import json_bodies
from providers.dialects.chat_over_messages import thinking
from providers.dialects.translation import Body, ClientRequest
from providers.errors import ProviderError
from providers.sentences import sentence as _

# docs/upstreams/anthropic.md, “Stop reasons”; unknown ones are plain ends.
FINISH_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def answer(value: Any, request: ClientRequest) -> Body:
    """Raises ProviderError for what is no message."""
    if not isinstance(value, dict) or not isinstance(value.get("content"), list):
        raise ProviderError(_("The provider's answer is not a message in Anthropic's form."), code="invalid_answer")
    texts, thoughts, details, calls = list[str](), list[str](), list[Body](), list[Body]()
    for index, block in enumerate(value["content"]):
        match block:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "thinking", "thinking": str(text)}:
                thoughts.append(text)
                if isinstance(block.get("signature"), str):
                    details.append(thinking.signed(text, block["signature"], index))
            case {"type": "redacted_thinking", "data": str(data)}:
                details.append(thinking.encrypted(data, index))
            case {"type": "tool_use", "name": str(name)}:
                arguments = orjson.dumps(block.get("input") or {}).decode()
                calls.append(_call(block.get("id"), name, arguments))
    message: Body = {"role": "assistant", "content": "".join(texts) if texts or not calls else None, "refusal": None}
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
    ending = finish_reason(value.get("stop_reason")) or "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ending}
    head = _head(value, "chat.completion", request)
    return {**head, "choices": [choice], "usage": usage_of(value.get("usage"))}


def finish_reason(stop_reason: Any) -> str | None:
    return FINISH_REASONS.get(stop_reason, "stop") if isinstance(stop_reason, str) else None


def usage_of(usage: Any) -> Body:
    """Anthropic counts cached input beside the other, OpenAI within it."""
    counts = usage if isinstance(usage, dict) else {}
    cached = _number(counts, "cache_read_input_tokens")
    prompt = _number(counts, "input_tokens") + _number(counts, "cache_creation_input_tokens") + cached
    completion = _number(counts, "output_tokens")
    details = counts.get("output_tokens_details")
    thought = _number(details, "thinking_tokens") if isinstance(details, dict) else 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def _number(counts: Mapping[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _call(call_id: Any, name: str, arguments: str) -> Body:
    return {"id": str(call_id or ""), "type": "function", "function": {"name": name, "arguments": arguments}}


def _head(message: Mapping[str, Any], kind: str, request: ClientRequest) -> Body:
    model = message.get("model")
    return {
        "id": str(message.get("id") or "chatcmpl"),
        "object": kind,
        "created": request.created,
        "model": model if isinstance(model, str) and model else request.model,
    }


class ChatStream:
    """The events of one message as chunks of a chat completion. It keeps numbers and names, no text."""

    def __init__(self, request: ClientRequest) -> None:
        options = request.body.get("stream_options")
        self._request = request
        self._wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        self._head: Body = _head({}, "chat.completion.chunk", request)
        self._usage: Body = {}
        self._calls: dict[Any, int] = {}  # index of the block → index of the call
        self._empty: set[Any] = set()  # blocks of calls whose arguments have not begun
        self._ending: str | None = None
        self._has_ended = False

    def take(self, event: str, data: str) -> Iterator[bytes]:
        try:
            value = json_bodies.parse_response(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return
        match value.get("type") or event:
            case "message_start":
                yield from self._start(value.get("message"))
            case "content_block_start":
                yield from self._begin_block(value.get("index"), value.get("content_block"))
            case "content_block_delta":
                yield from self._add(value.get("index"), value.get("delta"))
            case "content_block_stop" if value.get("index") in self._empty:
                self._empty.discard(value.get("index"))
                yield self._called(value.get("index"), {"arguments": "{}"})
            case "message_delta":
                delta = value.get("delta")
                self._ending = finish_reason(delta.get("stop_reason")) if isinstance(delta, dict) else self._ending
                self._count(value.get("usage"))
            case "message_stop":
                yield from self._stop()
            case "ping":
                yield b": ping\n\n"
            case "error":
                raise _failure(value.get("error"))

    def end(self) -> Iterator[bytes]:
        """Raises ProviderError for a stream that ended without an end."""
        if self._has_ended:
            return
        if self._ending is None:
            raise ProviderError(_("The answer was cut off."), code="cut_off", retryable=True)
        yield from self._stop()

    def _start(self, message: Any) -> Iterator[bytes]:
        if isinstance(message, dict):
            self._head = _head(message, "chat.completion.chunk", self._request)
            self._count(message.get("usage"))
        yield self._chunk({"role": "assistant", "content": ""})

    def _count(self, usage: Any) -> None:
        if isinstance(usage, dict):  # numbers of later events are totals so far
            self._usage.update({name: value for name, value in usage.items() if value is not None})

    def _begin_block(self, index: Any, block: Any) -> Iterator[bytes]:
        match block:
            case {"type": "text", "text": str(text)} if text:
                yield self._chunk({"content": text})
            case {"type": "thinking", "thinking": str(text)} if text:
                yield self._thought(index, text)
            case {"type": "redacted_thinking", "data": str(data)}:
                yield self._chunk({"reasoning_details": [thinking.encrypted(data, index)]})
            case {"type": "tool_use", "name": str(name)}:
                self._calls[index] = len(self._calls)
                given = block.get("input")
                arguments = orjson.dumps(given).decode() if isinstance(given, dict) and given else ""
                if not arguments:
                    self._empty.add(index)
                call = {"index": self._calls[index], **_call(block.get("id"), name, arguments)}
                yield self._chunk({"tool_calls": [call]})

    def _add(self, index: Any, delta: Any) -> Iterator[bytes]:
        match delta:
            case {"type": "text_delta", "text": str(text)}:
                yield self._chunk({"content": text})
            case {"type": "thinking_delta", "thinking": str(text)}:
                yield self._thought(index, text)
            case {"type": "signature_delta", "signature": str(signature)}:
                yield self._chunk({"reasoning_details": [thinking.signed("", signature, index)]})
            case {"type": "input_json_delta", "partial_json": str(text)} if text and index in self._calls:
                self._empty.discard(index)
                yield self._called(index, {"arguments": text})

    def _thought(self, index: Any, text: str) -> bytes:
        """A part of the thoughts: for readers, and in the form that goes back with its signature."""
        return self._chunk({"reasoning_content": text, "reasoning_details": [thinking.part(text, index)]})

    def _called(self, index: Any, function: Body) -> bytes:
        return self._chunk({"tool_calls": [{"index": self._calls[index], "function": function}]})

    def _stop(self) -> Iterator[bytes]:
        if self._has_ended:
            return
        self._has_ended = True
        yield self._chunk({}, self._ending or "stop")
        if self._wants_usage:
            yield _frame({**self._head, "choices": [], "usage": usage_of(self._usage)})
        yield b"data: [DONE]\n\n"

    def _chunk(self, delta: Body, ending: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
        return _frame({**self._head, "choices": [choice]})


def _frame(value: Body) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _failure(error: Any) -> ProviderError:
    shape = error if isinstance(error, dict) else {}
    kind, words = str(shape.get("type") or ""), str(shape.get("message") or "")
    status, passing = _FAILURES.get(kind, (502, True))
    return ProviderError(
        _("The provider ended the answer with an error."),
        code=kind or "provider_error",
        provider=words[:2000],
        status=status,
        retryable=passing,
    )


# Type of an error → its status, and whether the same request may succeed later. docs/upstreams/anthropic.md, “Errors”.
_FAILURES = {
    "invalid_request_error": (400, False),
    "rate_limit_error": (429, True),
    "overloaded_error": (529, True),
    "timeout_error": (504, True),
}
