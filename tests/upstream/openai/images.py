"""OpenAI's image responses to queue: whole, streamed, or only for requests with known parameters."""

import base64
from collections.abc import Sequence
from typing import Any

from tests.upstream.core import Received
from tests.upstream.openai.protocol import CREATED, EVENTS, error
from tests.upstream.replies import Behaviour, Reply, Step, frame, in_json

USAGE = {"input_tokens": 14, "output_tokens": 4160, "total_tokens": 4174}


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def drawn(*contents: bytes, **more: Any) -> Reply:
    """A whole answer with these pictures as `b64_json`, in the form of today's models."""
    data = [{"b64_json": in_base64(content)} for content in contents]
    facts = {"background": "opaque", "output_format": "png", "quality": "high", "size": "1024x1024"}
    return in_json({"created": CREATED, **facts, "data": data, "usage": USAGE, **more})


def linked(*urls: str, revised_prompt: str = "") -> Reply:
    """A whole answer that names its pictures by address, as retired models and compatible servers do."""
    revised = {"revised_prompt": revised_prompt} if revised_prompt else {}
    return in_json({"created": CREATED, "data": [{"url": url, **revised} for url in urls]})


def streamed(final: bytes | None, *partials: bytes, edit: bool = False, steps: Sequence[Step] = ()) -> Reply:
    """A stream of partial pictures and, unless None, the final one; `steps` are taken before that."""
    kind = "image_edit" if edit else "image_generation"
    facts = {
        "created_at": CREATED,
        "size": "1024x1024",
        "quality": "high",
        "background": "opaque",
        "output_format": "png",
    }
    body: list[Step] = []
    for index, content in enumerate(partials):
        event = f"{kind}.partial_image"
        said = {"type": event, "partial_image_index": index, "b64_json": in_base64(content), **facts}
        body.append(frame(said, event=event))
    body += steps
    if final is not None:
        event = f"{kind}.completed"
        body.append(frame({"type": event, "b64_json": in_base64(final), **facts, "usage": USAGE}, event=event))
    return Reply(200, EVENTS, steps=body)


def strict(reply: Reply, *known: str) -> Behaviour:
    """Answers `reply` to requests of these parameters only, else 400 `unknown_parameter` naming the first other one."""

    def behave(received: Received) -> Reply:
        asked = received.fields if received.parts else received.json
        for name in asked:
            if name not in {"model", "prompt", *known}:
                return error(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
        return reply

    return behave
