"""OpenAI's `/responses`: a whole response, or the named events of a stream."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.upstream.core import Received
from tests.upstream.replies import Reply, Step, frame, in_json


def respond(
    content: str | Sequence[str] | None = None,
    *,
    before: Sequence[Step] = (),
    after: Mapping[int, Step | Sequence[Step]] | None = None,
    items: Sequence[Mapping[str, Any]] = (),
    failure: Mapping[str, Any] | None = None,
    id: str = "resp_1",
    status: str = "",
    extra: Mapping[str, Any] | None = None,
) -> "Response":
    """One answer of the Responses API; without `content` it echoes the input.

    `items` come before the message in `output` (reasoning, image_generation_call). `after[n]`: steps once n deltas are
    out. `failure`: `{code, message}`, and the response ends as `failed`. `extra`: more members of the response.
    """

    def behave(asked: Mapping[str, Any]) -> Reply:
        pieces = [content] if isinstance(content, str) else list(content or [f"You said: {_said(asked.get('input'))}"])
        ending = status or ("failed" if failure else "completed")
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": ending,
            "content": [{"type": "output_text", "text": "".join(pieces), "annotations": []}],
        }
        whole = {
            "id": id,
            "object": "response",
            "created_at": 1795000000,
            "model": asked.get("model"),
            "status": ending,
            "output": [*items, message],
            "usage": {"input_tokens": 3, "output_tokens": len(pieces), "total_tokens": 3 + len(pieces)},
            "error": failure,
            "incomplete_details": None,
            **(extra or {}),
        }
        if not asked.get("stream"):
            return in_json(whole, before=before)
        begun = {**whole, "status": "in_progress", "output": [], "usage": None, "error": None}
        index = len(items)
        place = {"output_index": index, "content_index": 0, "item_id": "msg_1"}
        events: list[dict[str, Any] | Step] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        for number, item in enumerate(items):
            events.append({"type": "response.output_item.done", "output_index": number, "item": item})
        opened = {**message, "status": "in_progress", "content": []}
        events.append({"type": "response.output_item.added", "output_index": index, "item": opened})
        part = {"type": "output_text", "text": "", "annotations": []}
        events.append({"type": "response.content_part.added", **place, "part": part})
        steps_at = {n: list(s) if isinstance(s, list | tuple) else [s] for n, s in (after or {}).items()}
        events += steps_at.get(0, [])
        for number, piece in enumerate(pieces, start=1):
            events.append({"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []})
            events += steps_at.get(number, [])
        events += [
            {"type": "response.output_text.done", **place, "text": "".join(pieces), "logprobs": []},
            {"type": "response.content_part.done", **place, "part": message["content"][0]},
            {"type": "response.output_item.done", "output_index": index, "item": message},
            {"type": f"response.{ending}", "response": whole},
        ]
        steps: list[Step] = []
        sequence = 0
        for event in events:
            if isinstance(event, dict):
                steps.append(frame({**event, "sequence_number": sequence}, event=event["type"]))
                sequence += 1
            else:
                steps.append(event)
        return Reply(200, {"Content-Type": "text/event-stream; charset=utf-8"}, steps=steps, before=before)

    return Response(behave)


class Response:
    """What a test queues, and what answers questions of any form."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Reply]) -> None:
        self.answer = answer

    def __call__(self, received: Received) -> Reply:
        return self.answer(received.json if isinstance(received.json, dict) else {})


def _said(given: Any) -> str:
    if isinstance(given, str):
        return given
    for item in reversed(given or []):
        content = item.get("content") if isinstance(item, dict) else None
        if isinstance(content, str):
            return content
        if isinstance(content, list):
            return " ".join(str(part.get("text", "[picture]")) for part in content)
    return json.dumps(given)
