"""Anthropic's Messages API with its events, errors and checks; docs/upstreams/anthropic.md.

In a test::

    upstream.anthropic.models = [{"id": "claude-x", "max_tokens": 64000}]     # else those of `upstream.openai`
    upstream.script(anthropic.message("Blue.", thinking="Hm.", tools=[{"name": "look", "input": {"word": "sky"}}]))
    upstream.script(anthropic.message("one two", after={1: anthropic.error_event("overloaded_error", "Busy.")}))
    upstream.script(anthropic.error(529, "overloaded_error", "Overloaded"))

Without a script it echoes. Requests are checked as the real one does: version, key, roles, blocks, `max_tokens`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tests.upstream.core import Protocol, Received
from tests.upstream.openai.protocol import BASE, pieces_of
from tests.upstream.replies import Behaviour, Reply, Step, frame, in_json

EVENTS = {"Content-Type": "text/event-stream; charset=utf-8", "request-id": "req_1"}
VERSIONS = ("2023-06-01", "2026-10-21")
CACHED, WRITTEN = 30, 10  # tokens of every input: read from the cache, written to it
KNOWN = {
    *("model", "messages", "max_tokens", "system", "stream", "tools", "tool_choice", "temperature", "top_p", "top_k"),
    *("stop_sequences", "metadata", "thinking", "output_config", "service_tier"),
}


class Anthropic(Protocol):
    """State: `models`; every answer is deterministic."""

    routes: ClassVar = [
        ("POST", BASE + "/messages", "create"),
        ("POST", BASE + "/messages/count_tokens", "count"),
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.models: list[dict[str, Any]] = []

    def handler_for(self, method: str, path: str) -> Any:
        """The list is at OpenAI's path: it is this one where a test has set models."""
        if method == "GET" and path.endswith("/v1/models") and self.models:
            return self.list_models, {}
        return super().handler_for(method, path)

    def list_models(self, received: Received) -> Reply:
        if refusal := _refusal(received):
            return refusal
        rows = [{"type": "model", "display_name": one["id"].title(), **one} for one in self.models]
        return in_json({"data": rows, "first_id": rows[0]["id"], "last_id": rows[-1]["id"], "has_more": False})

    def create(self, received: Received) -> Reply:
        if refusal := _refusal(received) or _misfit(received.json):
            return refusal
        return message(f"You said: {_said(received.json)}")(received)  # type: ignore[operator]

    def count(self, received: Received) -> Reply:
        if refusal := _refusal(received):
            return refusal
        return in_json(
            {"input_tokens": len(json.dumps(received.json["messages"]).split())}, 200, {"request-id": "req_1"}
        )


def _refusal(received: Received) -> Reply | None:
    if received.headers.get("anthropic-version") not in VERSIONS:
        return error(400, "invalid_request_error", "anthropic-version: header is required")
    if not received.headers.get("x-api-key"):
        return error(401, "authentication_error", "x-api-key header is required")
    return None


def _misfit(asked: Any) -> Reply | None:
    """The error for a body that the real server refuses."""

    def wrong(words: str) -> Reply:
        return error(400, "invalid_request_error", words)

    if unknown := sorted(asked.keys() - KNOWN):
        return wrong(f"{unknown[0]}: Extra inputs are not permitted")
    if not isinstance(asked.get("max_tokens"), int):
        return wrong("max_tokens: Field required")
    roles = [turn["role"] for turn in asked["messages"]]
    if set(roles) - {"user", "assistant"}:
        return wrong("messages: Unexpected role")
    calls: set[str] = set()
    for turn in asked["messages"]:
        blocks = turn["content"] if isinstance(turn["content"], list) else [{"type": "text", "text": turn["content"]}]
        results = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if results != calls:
            return wrong("messages: `tool_use` ids were found without `tool_result` blocks immediately after")
        calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return wrong("messages: text content blocks must be non-empty")
    return None


def _said(asked: Mapping[str, Any]) -> str:
    content = asked["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return " ".join(block.get("text") or f"[{block['type']}]" for block in content)


# --- what a test queues ---


def error(status: int, kind: str, words: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_1"}
    return in_json(body, status, {"request-id": "req_1", **(headers or {})})


def error_event(kind: str, words: str) -> bytes:
    return frame({"type": "error", "error": {"type": kind, "message": words}}, event="error")


def message(
    text: str = "",
    *,
    thinking: str = "",
    tools: Sequence[Mapping[str, Any]] = (),
    stop: str = "end_turn",
    after: Mapping[int, Step] | None = None,
    ends: bool = True,
    usage: Mapping[str, int] | None = None,
) -> Behaviour:
    """One answer, streamed when the request says so. `after[n]`: a step once n pieces of the text are out.

    `tools`: calls with `name`, `input` and perhaps `id`. Without `ends` the stream lacks its last two events.
    """
    ending = "tool_use" if tools and stop == "end_turn" else stop
    blocks: list[dict[str, Any]] = []
    if thinking:
        blocks.append({"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"})
    if text:
        blocks.append({"type": "text", "text": text})
    for number, tool in enumerate(tools):
        blocks.append(
            {"type": "tool_use", "id": tool.get("id", f"toolu_{number}"), "name": tool["name"], "input": tool["input"]}
        )
    counts = {
        "input_tokens": 12,
        "cache_creation_input_tokens": WRITTEN,
        "cache_read_input_tokens": CACHED,
        "output_tokens": len(text.split()) + 1,
        **(usage or {}),
    }

    def behave(received: Received) -> Reply:
        asked = received.json
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"]}
        if not asked.get("stream"):
            whole = {**head, "content": blocks, "stop_reason": ending, "stop_sequence": None, "usage": counts}
            return in_json(whole, 200, {"request-id": "req_1"})
        begun = {**head, "content": [], "stop_reason": None, "stop_sequence": None}
        steps: list[Step] = [
            _event("message_start", message={**begun, "usage": {**counts, "output_tokens": 1}}),
            _event("ping"),
        ]
        for index, block in enumerate(blocks):
            steps += _block(index, block, after or {})
        if ends:
            delta = {"stop_reason": ending, "stop_sequence": None}
            steps.append(_event("message_delta", delta=delta, usage={"output_tokens": counts["output_tokens"]}))
            steps.append(_event("message_stop"))
        return Reply(200, EVENTS, steps=steps)

    return behave


def _event(kind: str, **members: Any) -> bytes:
    return frame({"type": kind, **members}, event=kind)


def _block(index: int, block: Mapping[str, Any], after: Mapping[int, Step]) -> list[Step]:
    def delta(**members: Any) -> bytes:
        return _event("content_block_delta", index=index, delta=members)

    if block["type"] == "text":
        empty = {"type": "text", "text": ""}
        deltas: list[Step] = []
        for number, piece in enumerate(pieces_of(block["text"], None), start=1):
            deltas.append(delta(type="text_delta", text=piece))
            if number in after:
                deltas.append(after[number])
    elif block["type"] == "thinking":
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [
            delta(type="thinking_delta", thinking=block["thinking"]),
            delta(type="signature_delta", signature=block["signature"]),
        ]
    else:
        empty = {**block, "input": {}}
        text = json.dumps(block["input"]) if block["input"] else ""
        deltas = [
            delta(type="input_json_delta", partial_json=part) for part in ("", *pieces_of(text, 2)) if text or not part
        ]
    start = _event("content_block_start", index=index, content_block=empty)
    return [start, *deltas, _event("content_block_stop", index=index)]
