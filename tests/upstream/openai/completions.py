"""OpenAI's older `/completions`: a text that goes on, whole or streamed."""

import json
from collections.abc import Mapping
from typing import Any

from tests.upstream.core import Received
from tests.upstream.replies import Reply, Step, frame, in_json


def continue_text(received: Received) -> Reply:
    """One choice for each prompt, which echoes it; usage in a stream only on request."""
    asked = received.json if isinstance(received.json, dict) else {}
    prompts = prompts_in(asked.get("prompt", "<|endoftext|>"))
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1795000000, "model": asked.get("model")}
    texts = [["You ", f"said: {prompt}"] for prompt in prompts]
    told = sum(len(json.dumps(prompt).split()) for prompt in prompts)
    usage = {"prompt_tokens": told, "completion_tokens": 2 * len(texts), "total_tokens": told + 2 * len(texts)}
    if not asked.get("stream"):
        choices = [_choice(index, "".join(text), "stop") for index, text in enumerate(texts)]
        return in_json({**head, "choices": choices, "usage": usage})
    steps: list[Step] = []
    for index, (first, last) in enumerate(texts):
        steps.append(frame({**head, "choices": [_choice(index, first, None)]}))
        steps.append(frame({**head, "choices": [_choice(index, last, "stop")]}))
    if includes_usage(asked):
        steps.append(frame({**head, "choices": [], "usage": usage}))
    return Reply(200, {"Content-Type": "text/event-stream; charset=utf-8"}, steps=[*steps, frame("[DONE]")])


def prompts_in(given: Any) -> list[Any]:
    """A prompt is a text or a list of tokens."""
    is_list = isinstance(given, list) and not all(isinstance(one, int) for one in given)
    return given if is_list else [given]


def includes_usage(asked: Mapping[str, Any]) -> bool:
    """Whether a request for a stream asks for its usage too."""
    options = asked.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
