"""The demo's completions of plain texts, OpenAI's older protocol: a prepared answer to each prompt."""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from webui.demo.answers import MODEL, PIECE, DemoAnswer, answer_to
from webui.demo.completions import usage_of
from webui.demo.request_bodies import Refused, wants_stream

MOST_PROMPTS = 20


def continue_text(payload: dict[str, Any]) -> dict[str, Any] | Iterator[bytes]:
    """The completion, or its frames where the request asks for a stream. Raises Refused."""
    prompts = _prompts(payload.get("prompt"))
    answers = [replace(answer_to([{"role": "user", "content": prompt}]), reasoning="") for prompt in prompts]
    head = {
        "id": f"cmpl-demo-{uuid.uuid4().hex[:12]}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": MODEL,
    }
    usage = usage_of(DemoAnswer("".join(answer.text for answer in answers), " ".join(prompts)))
    if not wants_stream(payload):
        choices = [_choice(index, answer.text, "stop") for index, answer in enumerate(answers)]
        return {**head, "choices": choices, "usage": usage}
    options = payload.get("stream_options")
    return _frames(head, answers, usage if isinstance(options, dict) and options.get("include_usage") else None)


def _prompts(given: Any) -> list[str]:
    """A prompt is a text or a list of tokens; without one the model begins by itself. Raises Refused."""
    prompts = given if isinstance(given, list) and not all(type(item) is int for item in given) else [given or ""]
    if len(prompts) > MOST_PROMPTS or not all(isinstance(prompt, str | list) for prompt in prompts):
        words = f"“prompt” must be a text, tokens, or a list of at most {MOST_PROMPTS} of them."
        raise Refused(400, words, "invalid_value", "prompt")
    return [prompt if isinstance(prompt, str) else " ".join(map(str, prompt)) for prompt in prompts]


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


def _frames(head: dict[str, Any], answers: Sequence[DemoAnswer], usage: dict[str, Any] | None) -> Iterator[bytes]:
    def frame(choices: list[dict[str, Any]], **more: Any) -> bytes:
        return f"data: {json.dumps({**head, 'choices': choices, **more}, ensure_ascii=False)}\n\n".encode()

    for index, answer in enumerate(answers):
        for piece in PIECE.findall(answer.text):
            yield frame([_choice(index, piece, None)])
        yield frame([_choice(index, "", "stop")])
    if usage is not None:
        yield frame([], usage=usage)
    yield b"data: [DONE]\n\n"
