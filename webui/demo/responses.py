"""The demo's responses: whole, or as the named events of a stream, in the order of OpenAI's reference.

https://developers.openai.com/api/docs/guides/streaming-responses
"""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from webui.demo.answers import MODEL, DemoAnswer, answer_to
from webui.demo.request_bodies import filled, messages_in, wants_stream


def respond(payload: dict[str, Any]) -> dict[str, Any] | Iterator[bytes]:
    """The response, or its events where the request asks for a stream. Raises Refused."""
    instructions = payload.get("instructions")
    answer = answer_to(messages_in(filled(payload, "input", str, list), instructions))
    begun = _begun(instructions if isinstance(instructions, str) else None)
    item = _message(answer.text)
    if wants_stream(payload):
        return _frames(answer, begun, item)
    return _ended(answer, begun, item)


def _begun(instructions: str | None) -> dict[str, Any]:
    """The response before its first text; by OpenAI's schema `usage` comes only at the end."""
    return {
        "id": f"resp_demo_{uuid.uuid4().hex[:12]}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": instructions,
        "max_output_tokens": None,
        "metadata": {},
        "model": MODEL,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(text: str) -> dict[str, Any]:
    return {
        "id": f"msg_demo_{uuid.uuid4().hex[:12]}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [_text(text)],
    }


def _ended(answer: DemoAnswer, begun: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    counted = answer.usage()
    usage = {
        "input_tokens": counted["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": counted["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": counted["total_tokens"],
    }
    return {**begun, "status": "completed", "completed_at": int(time.time()), "output": [item], "usage": usage}


def _frames(answer: DemoAnswer, begun: dict[str, Any], item: dict[str, Any]) -> Iterator[bytes]:
    for number, event in enumerate(_events(answer, begun, item)):
        body = json.dumps({**event, "sequence_number": number}, ensure_ascii=False)
        yield f"event: {event['type']}\ndata: {body}\n\n".encode()


def _events(answer: DemoAnswer, begun: dict[str, Any], item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    position = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    opened = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": opened}
    yield {"type": "response.content_part.added", **position, "part": _text("")}
    for kind, piece in answer.pieces():
        if kind == "content":
            yield {"type": "response.output_text.delta", **position, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **position, "text": answer.text, "logprobs": []}
    yield {"type": "response.content_part.done", **position, "part": item["content"][0]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": _ended(answer, begun, item)}
