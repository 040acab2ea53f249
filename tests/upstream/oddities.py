"""Oddities of real servers; queue each with `upstream.script(…)`.

A gateway passes them through, and the chat has to make sense of them: take usage from any chunk, accept an error as
text, `detail` as text or list, bodies that are no JSON; an end without finish_reason or without any line is a failure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.upstream.openai import CREATED, EVENTS, chat, error
from tests.upstream.replies import END, Behaviour, Reply, Step, frame, in_json, in_text, sse


def _chunk(delta: Mapping[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0}
    if delta is not None:
        choice["delta"] = delta
    if finish is not None:
        choice["finish_reason"] = finish
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": "m1"} | {
        "choices": [choice],
        **more,
    }


# --- llama-cpp-python ---


def llama_cpp(content: str = "Hello there.") -> Behaviour:
    """Ignores `include_usage`; every chunk has `logprobs: null`."""
    return chat(content, usage=False)


def empty_stream() -> Reply:
    """A prompt that is too long: 200, and no line at all."""
    return Reply(200, EVENTS, steps=[])


def cut_off_by_another_request(content: str = "Hello there.") -> Behaviour:
    """A second request ends the first: `[DONE]`, but no finish_reason."""
    return chat(content, finish=None, usage=False)


def server_error_as_text() -> Reply:
    """Broken JSON: 500 in plain text."""
    return in_text("Internal Server Error", 500)


# --- litellm ---


def litellm(content: str = "Hello there.", usage: Mapping[str, int] | None = None) -> Reply:
    """Role and content in the first chunk, null members left out, usage in a chunk with an empty delta as choice."""
    counted = usage or {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    head, _, tail = content.partition(" ")
    pieces = [{"role": "assistant", "content": head}, *([{"content": f" {tail}"}] if tail else [])]
    return sse(*[_chunk(piece) for piece in pieces], _chunk({}, "stop"), _chunk({}, usage=counted))


def code_as_number_text() -> Reply:
    """The error's code is the text of a number."""
    return error(429, "Rate limit reached", type="throttling_error", code="429")


def wrong_key_as_400() -> Reply:
    return error(400, "No connected db.", type="no_db_connection", code="400")


# --- transformers serve ---


def transformers_serve(content: str = "Hello there.") -> Reply:
    """Usage on the finish chunk, finish_reason left out before, no `[DONE]`, the model echoed as name@main."""
    pieces = [_chunk({"role": "assistant"}, model="m1@main"), _chunk({"content": content}, model="m1@main")]
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return sse(*pieces, _chunk({}, "stop", model="m1@main", usage=usage), done=False)


def error_frame_as_text(content: str = "Hello") -> Reply:
    """A stream with an error that is a text and no object; then the end."""
    return sse(_chunk({"content": content}), {"error": "CUDA out of memory"}, done=False)


def detail(status: int, words: str | Sequence[Mapping[str, Any]]) -> Reply:
    """FastAPI's errors: `detail` as a text, or as a list of what was wrong where."""
    return in_json({"detail": words}, status)


def unexpected_fields() -> Reply:
    return detail(422, "Unexpected fields in the request: {'chat_id'}")


# --- Ollama ---


def ollama_failure(content: str = "Hello there.") -> Behaviour:
    """A failure in mid-stream is swallowed: no finish_reason, no `[DONE]`, a proper end."""
    return chat(content, after={1: END})


def ollama_error(status: int = 404, words: str = 'model "m1" not found, try pulling it first') -> Reply:
    """The error is a text."""
    return in_json({"error": words}, status)


# --- OpenRouter ---


def openrouter(content: str = "Hello there.", images: Sequence[str] = ()) -> Reply:
    """Comment lines between the frames, thoughts in `reasoning`, pictures whole in a delta, and what it cost."""
    comment = b": OPENROUTER PROCESSING\n\n"
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "cost": 0.0004}
    frames: list[Any] = [
        comment,
        comment,
        _chunk({"role": "assistant", "content": "", "reasoning": "Let me see."}),
        comment,
        _chunk({"content": content}),
    ]
    if images:
        frames.append(_chunk({"images": [{"type": "image_url", "image_url": {"url": url}} for url in images]}))
    return sse(*frames, _chunk({}, "stop", usage=usage))


def openrouter_error_in_stream(content: str = "Hello") -> Reply:
    """A normal chunk that carries `error` with a number as its code, and finish_reason `error`."""
    failed = {"code": 502, "message": "Provider disconnected", "metadata": {"error_type": "provider_unavailable"}}
    return sse(_chunk({"content": content}), _chunk({"content": ""}, "error", error=failed))


def openrouter_error(status: int = 402, message: str = "Insufficient credits") -> Reply:
    body = {"error": {"code": status, "message": message, "metadata": {"error_type": "payment_required"}}}
    return in_json({**body, "user_id": "user_1"}, status)


# --- Azure ---


def azure(content: str = "Hello there.") -> Reply:
    """A first frame without choices, frames without a delta, annotations after the finish."""
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    first = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    late = {"content_filter_results": safe, "content_filter_offsets": {"check_offset": 0, "start_offset": 0}}
    annotated = _chunk(None)
    annotated["choices"][0] |= late
    return sse(
        {**first, "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": safe}]},
        _chunk({"role": "assistant", "content": content}),
        annotated,
        _chunk({}, "stop"),
        annotated,
    )


def azure_filtered() -> Reply:
    """The prompt was refused."""
    inner = {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
    }
    body = {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": inner,
    }
    return in_json({"error": body}, 400)


def api_management(status: int = 401, message: str = "Access denied due to missing subscription key.") -> Reply:
    """The layer in front of Azure: no `error` object."""
    return in_json({"statusCode": status, "message": message}, status)


def deployment_not_found() -> Reply:
    return in_json(
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        404,
    )


# --- OpenAI itself ---


def obfuscated(content: str = "Hello there.") -> Behaviour:
    """Padding in every chunk, which is no content."""
    return chat(content, extra={"obfuscation": "kX3"})


def unsupported_parameter(name: str = "max_tokens", instead: str = "max_completion_tokens") -> Reply:
    words = f"Unsupported parameter: '{name}' is not supported with this model. Use '{instead}' instead."
    return error(400, words, code="unsupported_parameter", param=name)


# --- how frames may be written ---


def carriage_returns(content: str = "Hello there.", newline: str = "\r\n") -> Behaviour:
    return chat(content, newline=newline)


def frame_in_two_lines() -> Reply:
    """One event whose data stands in two `data:` lines, with an id and a retry line about."""
    steps: list[Step] = [
        b'id: 1\nretry: 100\ndata: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m1",\n',
        b'data: "choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\n',
        frame("[DONE]"),
    ]
    return Reply(200, EVENTS, steps=steps)


def torn(content: str = "Grüße 👋 你好", size: int = 1) -> Behaviour:
    """The whole stream in pieces of `size` bytes, so that frames and characters are torn apart."""

    def behave(received: Any) -> Reply:
        whole = chat(content)(received)  # type: ignore[operator]
        data = b"".join(step for step in whole.steps or () if isinstance(step, bytes))
        return whole.with_(steps=[data[at : at + size] for at in range(0, len(data), size)])

    return behave
