"""The demo's chat completions: whole, or as the chunks of a stream. docs/upstreams/openai.md, “Chat stream”."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from webui.demo.answers import MODEL, DemoAnswer, answer_to
from webui.demo.request_bodies import filled, wants_stream


def complete(payload: dict[str, Any]) -> dict[str, Any] | Iterator[bytes]:
    """The completion, or its frames where the request asks for a stream. Raises Refused."""
    answer = answer_to(filled(payload, "messages", list))
    if not wants_stream(payload):
        return _whole(answer)
    options = payload.get("stream_options")
    return _frames(answer, include_usage=isinstance(options, dict) and bool(options.get("include_usage")))


def _head(kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-demo-{uuid.uuid4().hex[:12]}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL,
        "system_fingerprint": "demo",
    }


def _whole(answer: DemoAnswer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_head("chat.completion"), "choices": [choice], "usage": usage_of(answer)}


def usage_of(answer: DemoAnswer) -> dict[str, Any]:
    """OpenAI's usage object, with its details."""
    details = {
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    return {**answer.usage(), **details}


def _frames(answer: DemoAnswer, *, include_usage: bool) -> Iterator[bytes]:
    shared = _head("chat.completion.chunk") | ({"usage": None} if include_usage else {})

    def frame(choices: list[dict[str, Any]], **more: Any) -> bytes:
        return f"data: {json.dumps({**shared, 'choices': choices, **more}, ensure_ascii=False)}\n\n".encode()

    def delta(values: dict[str, Any], finish: str | None = None) -> bytes:
        return frame([{"index": 0, "delta": values, "logprobs": None, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": "", "refusal": None})
    for kind, piece in answer.pieces():
        yield delta({kind: piece})
    yield delta({}, "stop")
    if include_usage:
        yield frame([], usage=usage_of(answer))
    yield b"data: [DONE]\n\n"
