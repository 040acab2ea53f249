"""Responses as chat completions, whole and streamed. docs/upstreams/openai.md, “Responses and chat completions”."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from providers import json_bodies
from providers.dialects import chat_form
from providers.dialects.translation import Body, ClientRequest
from providers.errors import ProviderError
from providers.sentences import sentence as _

INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}  # reason → finish reason
MOST_ITEMS = 10_000  # of one answer, of which a stream remembers that they came


def answer(value: Any, request: ClientRequest) -> Body:
    """Raises ProviderError for what is no response, and for one that failed."""
    if not isinstance(value, dict) or not isinstance(value.get("output"), list):
        raise ProviderError(_("The provider's answer is not a response."), code="invalid_answer")
    if value.get("status") in ("failed", "cancelled") or value.get("error"):
        raise _failure(value)
    texts, refusals, thoughts = list[str](), list[str](), list[str]()
    calls, notes, logprobs = list[Body](), list[Body](), list[Any]()
    for item in value["output"]:
        match item:
            case {"type": "message", "content": list(content)}:
                for part in content:
                    match part:
                        case {"type": "output_text", "text": str(text)}:
                            texts.append(text)
                            notes += _notes(part.get("annotations"))
                            logprobs += part["logprobs"] if isinstance(part.get("logprobs"), list) else []
                        case {"type": "refusal", "refusal": str(text)}:
                            refusals.append(text)
            case {"type": "reasoning"}:
                thoughts += _summary(item)
            case {"type": "function_call", "name": str(name)}:
                given = item.get("arguments")
                calls.append(_call(item.get("call_id"), name, given if isinstance(given, str) else "{}"))
    message: Body = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    message["refusal"] = "".join(refusals) or None
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    if notes:
        message["annotations"] = notes
    if calls:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": finish_reason(value, has_calls=bool(calls)),
    }
    head = _head(value, "chat.completion", request)
    return {**head, "choices": [choice], "usage": usage_of(value.get("usage"))}


def finish_reason(response: Mapping[str, Any], *, has_calls: bool) -> str:
    """Raises ProviderError for a response that is incomplete for a reason of the provider's own."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    if response.get("status") == "incomplete":
        if reason not in INCOMPLETE:
            raise chat_form.ended_early(reason)
        return INCOMPLETE[reason]
    return "tool_calls" if has_calls else "stop"


def usage_of(usage: Any) -> Body:
    counts = usage if isinstance(usage, dict) else {}
    tokens_in, tokens_out = chat_form.number(counts, "input_tokens"), chat_form.number(counts, "output_tokens")
    sent, written = counts.get("input_tokens_details"), counts.get("output_tokens_details")
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": chat_form.number(sent, "cached_tokens")},
        "completion_tokens_details": {"reasoning_tokens": chat_form.number(written, "reasoning_tokens")},
    }


def _summary(item: Mapping[str, Any]) -> list[str]:
    """The texts of thoughts: their summary, else what open models tell of them."""
    for name in ("summary", "content"):
        parts = item.get(name)
        texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        if given := [text for text in texts if isinstance(text, str) and text]:
            return given
    return []


def _notes(annotations: Any) -> list[Body]:
    """The addresses that a text cites; a chat completion has no other notes."""
    listed = annotations if isinstance(annotations, list) else []
    return [
        {"type": "url_citation", "url_citation": {name: value for name, value in note.items() if name != "type"}}
        for note in listed
        if isinstance(note, dict) and note.get("type") == "url_citation"
    ]


def _call(call_id: Any, name: str, arguments: str) -> Body:
    return {"id": str(call_id or ""), "type": "function", "function": {"name": name, "arguments": arguments}}


def _head(response: Mapping[str, Any], kind: str, request: ClientRequest) -> Body:
    model, created = response.get("model"), response.get("created_at")
    return {
        "id": f"chatcmpl-{str(response.get('id') or request.created).removeprefix('resp_')}",
        "object": kind,
        "created": int(created) if isinstance(created, int | float) else request.created,
        "model": model if isinstance(model, str) and model else request.model,
    }


def _failure(value: Mapping[str, Any]) -> ProviderError:
    return chat_form.failure(value.get("error") or {"message": "", "code": str(value.get("status") or "failed")})


class ResponseChatStream:
    """The events of one response as chunks of a chat completion. It keeps numbers and names, no text."""

    def __init__(self, request: ClientRequest) -> None:
        options = request.body.get("stream_options")
        self._request = request
        self._wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        self._head: Body = _head({}, "chat.completion.chunk", request)
        self._has_begun = self._has_ended = False
        self._calls: dict[Any, int] = {}  # index of the item → index of the call
        self._came: set[tuple[Any, ...]] = set()  # parts and calls of which something came, by their places
        self._has_thoughts = False

    def take(self, event: str, data: str) -> Iterator[bytes]:
        try:
            value = json_bodies.parse_response(data)
        except ValueError:
            return  # a sign of life, or `[DONE]`
        if not isinstance(value, dict):
            return
        kind = value.get("type") or event
        if kind == "error" or value.get("error"):
            raise chat_form.failure(value["error"] if isinstance(value.get("error"), dict) else value)
        kind = kind.removeprefix("response.") if isinstance(kind, str) else ""
        response = value["response"] if isinstance(value.get("response"), dict) else {}
        if not self._has_begun and kind:
            yield from self._begin(response)
        match kind:
            case "output_text.delta" | "refusal.delta":
                self._note("text", value.get("output_index"), value.get("content_index"))
                yield from self._add("refusal" if kind.startswith("refusal") else "content", value.get("delta"))
            case "output_text.done" | "refusal.done" if not self._is_known("text", value):
                name = "refusal" if kind.startswith("refusal") else "content"
                yield from self._add(name, value.get("text" if name == "content" else "refusal"))
            case "reasoning_summary_text.delta" | "reasoning_text.delta":
                self._has_thoughts = True
                yield from self._add("reasoning_content", value.get("delta"))
            case "reasoning_summary_part.added" if self._has_thoughts:
                yield from self._add("reasoning_content", "\n\n")
            case "output_item.added" | "output_item.done":
                yield from self._item(value.get("output_index"), value.get("item"), is_whole=kind.endswith("done"))
            case "function_call_arguments.delta":
                self._note("call", value.get("output_index"), None)
                yield from self._arguments(value.get("output_index"), value.get("delta"))
            case "completed" | "incomplete":
                yield from self._finish(response)
            case "failed" | "cancelled":
                raise _failure(response)

    def end(self) -> Iterator[bytes]:
        """Raises ProviderError for a stream that ended without an end."""
        if not self._has_ended:
            raise chat_form.cut_off()
        return iter(())

    def _begin(self, response: Mapping[str, Any]) -> Iterator[bytes]:
        self._has_begun = True
        self._head = _head(response, "chat.completion.chunk", self._request)
        yield self._chunk({"role": "assistant", "content": ""})

    def _note(self, kind: str, index: Any, part: Any) -> None:
        if len(self._came) < MOST_ITEMS and isinstance(index, int):
            self._came.add((kind, index, part if isinstance(part, int) else None))

    def _is_known(self, kind: str, value: Mapping[str, Any]) -> bool:
        return (kind, value.get("output_index"), value.get("content_index")) in self._came

    def _add(self, name: str, text: Any) -> Iterator[bytes]:
        if isinstance(text, str) and text:
            yield self._chunk({name: text})

    def _item(self, index: Any, item: Any, *, is_whole: bool) -> Iterator[bytes]:
        """A call that begins; at its end what of it did not come in pieces."""
        if not isinstance(item, dict) or item.get("type") != "function_call" or not isinstance(index, int):
            return
        if index not in self._calls:
            if len(self._calls) >= MOST_ITEMS:
                raise chat_form.too_long()
            self._calls[index] = len(self._calls)
            call = _call(item.get("call_id"), str(item.get("name") or ""), "")
            yield self._chunk({"tool_calls": [{"index": self._calls[index], **call}]})
        if ("call", index, None) not in self._came and item.get("arguments"):
            self._note("call", index, None)
            yield from self._arguments(index, item["arguments"])

    def _arguments(self, index: Any, text: Any) -> Iterator[bytes]:
        if isinstance(text, str) and text and index in self._calls:
            function = {"arguments": text}
            yield self._chunk({"tool_calls": [{"index": self._calls[index], "function": function}]})

    def _finish(self, response: Mapping[str, Any]) -> Iterator[bytes]:
        if self._has_ended:
            return
        ending = finish_reason(response, has_calls=bool(self._calls))
        self._has_ended = True
        yield self._chunk({}, ending)
        if self._wants_usage:
            yield _frame({**self._head, "choices": [], "usage": usage_of(response.get("usage"))})
        yield b"data: [DONE]\n\n"

    def _chunk(self, delta: Body, ending: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
        return _frame({**self._head, "choices": [choice]})


def _frame(value: Body) -> bytes:
    return b"data: " + orjson.dumps(json_bodies.clean(value)) + b"\n\n"
