"""Answers in the form of OpenAI's Responses API, which some servers send for chat completions too.

Each frame becomes the equal chunk of a chat completion, so that no other module has to know the form. Pure.
"""

from typing import Any

DELTAS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "content",
    "response.reasoning_text.delta": "reasoning_content",
    "response.reasoning_summary_text.delta": "reasoning_content",
}
ENDS = {"completed": "stop", "incomplete": "length"}


def as_chat(frame: dict[str, Any]) -> dict[str, Any] | None:
    """The frame (or the whole answer) as a chunk of a chat; None when it is not in that form."""
    if frame.get("object") == "response":
        return _whole(frame)
    kind = str(frame.get("type", ""))
    if not kind.startswith("response."):
        return None
    if kind in DELTAS:
        return _chunk({DELTAS[kind]: frame.get("delta")})
    if kind == "response.reasoning_summary_part.added" and frame.get("summary_index"):
        return _chunk({"reasoning_content": "\n\n"})  # each part begins with a title of its own
    if kind == "response.output_item.done":
        return _chunk({"images": _pictures([frame.get("item")])})
    inner = frame.get("response")
    if kind.removeprefix("response.") in (*ENDS, "failed") and isinstance(inner, dict):
        return _end(inner, {})
    return _chunk({})


def _whole(answer: dict[str, Any]) -> dict[str, Any]:
    items = [item for item in answer.get("output") or () if isinstance(item, dict)]
    content = [part for item in items if item.get("type") == "message" for part in item.get("content") or ()]
    return _end(answer, {"content": content, "images": _pictures(items)})


def _end(answer: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    if answer.get("error"):
        return {"error": answer["error"]}
    detail = answer.get("incomplete_details")
    reason = detail.get("reason") if isinstance(detail, dict) else None
    finish = "content_filter" if reason == "content_filter" else ENDS.get(str(answer.get("status")))
    return {**_chunk(delta, finish), "usage": answer.get("usage")}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _pictures(items: list[Any]) -> list[Any]:
    return [item for item in items if isinstance(item, dict) and item.get("type") == "image_generation_call"]
