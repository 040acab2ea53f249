"""Chat completions as Anthropic's answers, whole and streamed. docs/upstreams/anthropic.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.dialects import chat_form
from providers.dialects.anthropic_errors import event
from providers.dialects.chat_over_messages.requests import arguments_of
from providers.dialects.chunks import ChunkStream
from providers.dialects.translation import Body, ClientRequest
from providers.errors import ProviderError
from providers.sentences import sentence as _

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
MOST_HELD = 2**22  # characters of calls that wait for the end of the one before them
THINKS = ("enabled", "adaptive")


def answer(value: Any, request: ClientRequest) -> Body:
    """Raises ProviderError for what is no chat completion."""
    choices = value.get("choices") if isinstance(value, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if choice is None or not isinstance(message, dict):
        raise ProviderError(_("The provider's answer is not a chat completion."), code="invalid_answer")
    content: list[Body] = []
    if wants_thoughts(request) and (thoughts := chat_form.thoughts_in(message)):
        content.append({"type": "thinking", "thinking": thoughts, "signature": ""})
    if text := _text(message):
        content.append({"type": "text", "text": text})
    calls = chat_form.calls_in(message)
    for number, (call, function) in enumerate(calls):
        content.append(
            {**_call(call.get("id"), function.get("name"), number), "input": arguments_of(function.get("arguments"))}
        )
    reason = stop_reason(choice.get("finish_reason") or "stop", has_calls=bool(calls))
    ending = {"stop_reason": reason, "stop_sequence": None}
    return {**_head(value, request), "content": content, **ending, "usage": usage_of(value.get("usage"))}


def wants_thoughts(request: ClientRequest) -> bool:
    """Whether the client asked for thoughts: others take the first block for the answer."""
    thinking = request.body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") in THINKS and thinking.get("display") != "omitted"


def stop_reason(finish_reason: Any, *, has_calls: bool) -> str:
    """Raises ProviderError for a provider's own word for a failure."""
    reason = STOP_REASONS.get(finish_reason) if isinstance(finish_reason, str) else None
    if reason is None:
        raise chat_form.ended_early(finish_reason)
    return "tool_use" if has_calls and reason == "end_turn" else reason


def usage_of(usage: Any) -> Body:
    """OpenAI counts cached input within the other, Anthropic beside it."""
    counts = usage if isinstance(usage, dict) else {}
    cached = chat_form.number(counts.get("prompt_tokens_details"), "cached_tokens")
    prompt = chat_form.number(counts, "prompt_tokens")
    return {
        "input_tokens": max(0, prompt - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": min(cached, prompt),
        "output_tokens": chat_form.number(counts, "completion_tokens"),
    }


def _head(value: Mapping[str, Any], request: ClientRequest) -> Body:
    named = str(value.get("id") or request.created)
    return {
        "id": named if named.startswith("msg_") else f"msg_{named}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
    }


def _call(call_id: Any, name: Any, number: int) -> Body:
    given = call_id if isinstance(call_id, str) and call_id else f"call_{number}"
    return {"type": "tool_use", "id": given, "name": name if isinstance(name, str) else "", "input": {}}


def _text(message: Mapping[str, Any]) -> str:
    return chat_form.text_in(message) + chat_form.refusal_in(message)


@dataclass(slots=True)
class _HeldCall:
    """A call of a tool, and the text of its arguments that was not sent yet."""

    call_id: str = ""
    name: str = ""
    held: list[str] = field(default_factory=list)


class MessageStream(ChunkStream):
    """The chunks of one chat completion as the events of a message.

    Blocks of a message come one after the other, while a provider may send parallel calls at the same time: the first
    one is sent as it comes, and the others wait for its end, at most `MOST_HELD` characters. So does text after a call.
    """

    def __init__(self, request: ClientRequest) -> None:
        super().__init__(request)
        self._shows_thoughts = wants_thoughts(request)
        self._open = ""  # the type of the open block
        self._index = -1  # of the newest block
        self._calls: dict[Any, _HeldCall] = {}  # in their order; the first one is the open block
        self._late: list[str] = []  # text after the first call
        self._held = 0  # characters

    def begin(self, chunk: Body) -> Iterator[bytes]:
        message = {**_head(chunk, self.request), "content": [], "stop_reason": None, "stop_sequence": None}
        yield event("message_start", {"type": "message_start", "message": {**message, "usage": usage_of(None)}})
        yield event("ping", {"type": "ping"})

    # --- blocks ---

    def _start(self, block: Body) -> Iterator[bytes]:
        yield from self._end_block()
        self._index += 1
        self._open = block["type"]
        yield event(
            "content_block_start", {"type": "content_block_start", "index": self._index, "content_block": block}
        )

    def _add(self, delta: Body) -> bytes:
        value = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return event("content_block_delta", value)

    def _end_block(self) -> Iterator[bytes]:
        if self._open:
            self._open = ""
            yield event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def think(self, text: str) -> Iterator[bytes]:
        if not self._shows_thoughts or self._calls:
            yield event("ping", {"type": "ping"})  # so that nothing on the way takes the connection for dead
            return
        if self._open != "thinking":
            yield from self._start({"type": "thinking", "thinking": "", "signature": ""})
        yield self._add({"type": "thinking_delta", "thinking": text})

    def say(self, text: str, logprobs: list[Any]) -> Iterator[bytes]:
        if self._calls:
            self._hold(self._late, text)
            return
        if self._open != "text":
            yield from self._start({"type": "text", "text": ""})
        yield self._add({"type": "text_delta", "text": text})

    def refuse(self, text: str) -> Iterator[bytes]:
        yield from self.say(text, [])

    def call(self, delta: Mapping[str, Any], function: Mapping[str, Any]) -> Iterator[bytes]:
        key = chat_form.key_of_call(self._calls, delta, function)
        is_new = key not in self._calls
        if is_new:
            call_id, name = delta.get("id"), function.get("name")
            given = call_id if isinstance(call_id, str) and call_id else f"call_{len(self._calls)}"
            self._calls[key] = _HeldCall(given, name if isinstance(name, str) else "")
        call, text = self._calls[key], chat_form.arguments_in(function)
        if next(iter(self._calls.values())) is not call:
            self._hold(call.held, text)
            return
        if is_new:
            yield from self._start(_call(call.call_id, call.name, 0))
        if text:
            yield self._add({"type": "input_json_delta", "partial_json": text})

    def _hold(self, held: list[str], text: str) -> None:
        self._held += len(text)
        if self._held > MOST_HELD or len(self._calls) > 1000:
            raise chat_form.too_long()
        held.append(text)

    # --- the end ---

    def close(self, finish_reason: Any) -> Iterator[bytes]:
        reason = stop_reason(finish_reason, has_calls=bool(self._calls))
        for number, call in enumerate(self._calls.values()):
            if number:
                yield from self._start(_call(call.call_id, call.name, number))
                yield self._add({"type": "input_json_delta", "partial_json": "".join(call.held)})
        if self._late:
            yield from self._start({"type": "text", "text": ""})
            yield self._add({"type": "text_delta", "text": "".join(self._late)})
        yield from self._end_block()
        delta = {"stop_reason": reason, "stop_sequence": None}
        yield event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage_of(self.usage)})
        yield event("message_stop", {"type": "message_stop"})
