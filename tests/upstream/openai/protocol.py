"""OpenAI's protocol as OpenAI, Azure, OpenRouter, Ollama and compatible servers speak it: chat, models, embeddings.

`chat(…)` makes the answer a test queues; without a script a chat echoes the last thing the user said.
"""

import base64
import hashlib
import itertools
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tests.upstream.core import Protocol, Received
from tests.upstream.openai import judgements
from tests.upstream.openai.completions import continue_text, includes_usage
from tests.upstream.openai.responses import respond
from tests.upstream.openai.transcripts import transcribe
from tests.upstream.pictures import png, speech
from tests.upstream.replies import DROP, RESET, Behaviour, Cut, Gate, Pause, Reply, Step, frame, in_bytes, in_json

CREATED = 1795000000
EVENTS = {"Content-Type": "text/event-stream; charset=utf-8"}
# …/v1 under any prefix, Azure's /openai/v1 and /openai/deployments/{deployment}, and /openai itself (models, responses)
BASE = r"(?P<base>(?:/[^/]+)*?/(?:v1|openai|openai/deployments/(?P<deployment>[^/]+)))"


class OpenAI(Protocol):
    """State: `models` (ids or whole objects), `key` on the upstream. Every answer is deterministic."""

    routes: ClassVar = [
        ("POST", BASE + "/chat/completions", "chat"),
        ("GET", BASE + "/models", "list_models"),
        ("GET", BASE + "/models/(?P<model>.+)", "get_model"),
        ("POST", BASE + "/completions", "complete"),
        ("POST", BASE + "/embeddings", "embed"),
        ("POST", BASE + "/moderations", "moderate"),
        ("POST", BASE + "/rerank", "rerank"),
        ("POST", BASE + "/responses", "respond"),
        ("GET", BASE + "/responses/(?P<id>[^/]+)", "get_response"),
        ("DELETE", BASE + "/responses/(?P<id>[^/]+)", "delete_response"),
        ("POST", BASE + "/responses/(?P<id>[^/]+)/cancel", "cancel_response"),
        ("GET", BASE + "/responses/(?P<id>[^/]+)/input_items", "list_input"),
        ("POST", BASE + "/audio/speech", "speak"),
        ("POST", BASE + "/audio/(?:transcriptions|translations)", "transcribe"),
        ("POST", BASE + "/images/(?:generations|edits)", "draw"),
        ("GET", "/pictures/(?P<width>[0-9]+)x(?P<height>[0-9]+)[.]png", "picture"),
        ("POST", BASE + "/(?P<operation>[a-z_]+(?:/[a-z_]+)?)", "answer_any"),  # behind those that it knows
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.models: list[str | dict[str, Any]] = ["m1"]

    # --- models ---

    def objects(self) -> list[dict[str, Any]]:
        return [
            {"id": one, "object": "model", "created": CREATED, "owned_by": "scripted"} if isinstance(one, str) else one
            for one in self.models
        ]

    def list_models(self, received: Received) -> Reply:
        data = self.objects()
        if received.params["base"].endswith("/api/v1"):  # OpenRouter
            data = [
                {
                    "canonical_slug": one["id"],
                    "name": one["id"].title(),
                    "context_length": 128000,
                    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
                    "pricing": {"prompt": "0.000001", "completion": "0.000002"},
                    "supported_parameters": ["temperature", "tools"],
                    **one,
                }
                for one in data
            ]
            return in_json({"data": data})
        return in_json({"object": "list", "data": data})

    def get_model(self, received: Received) -> Reply:
        wanted = received.params["model"]
        for one in self.objects():
            if one["id"] == wanted:
                return in_json(one)
        return error(404, f"The model '{wanted}' does not exist", code="model_not_found")

    # --- chat ---

    def chat(self, received: Received) -> Reply:
        asked = received.json
        if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list):
            return error(400, "We could not parse the JSON body of your request.")
        return chat(echo(asked["messages"]))(received)  # type: ignore[operator]

    # --- the rest ---

    def embed(self, received: Received) -> Reply:
        asked = received.json or {}
        given = asked.get("input", "")
        inputs = given if isinstance(given, list) and not all(isinstance(one, int) for one in given) else [given]
        rows = []
        for index, one in enumerate(inputs):
            vector = embedding(one, asked.get("dimensions") or 8)
            if asked.get("encoding_format") == "base64":
                packed = struct.pack(f"<{len(vector)}f", *vector)
                rows.append({"object": "embedding", "index": index, "embedding": base64.b64encode(packed).decode()})
            else:
                rows.append({"object": "embedding", "index": index, "embedding": vector})
        usage = {"prompt_tokens": 2 * len(inputs), "total_tokens": 2 * len(inputs)}
        return in_json({"object": "list", "model": asked.get("model"), "data": rows, "usage": usage})

    def complete(self, received: Received) -> Reply:
        return continue_text(received)

    def moderate(self, received: Received) -> Reply:
        return judgements.moderate(received)

    def rerank(self, received: Received) -> Reply:
        return judgements.rerank(received)

    def respond(self, received: Received) -> Reply:
        if not isinstance((received.json or {}).get("input", ""), str | list):
            return error(400, "Invalid type for 'input': expected one of a string or array of input items.")
        return respond()(received)

    def get_response(self, received: Received) -> Reply:
        asked = {"input": "it", "model": "m1", "stream": received.query.get("stream") == "true"}
        return respond(id=received.params["id"]).answer(asked)

    def delete_response(self, received: Received) -> Reply:
        return in_json({"id": received.params["id"], "object": "response", "deleted": True})

    def cancel_response(self, received: Received) -> Reply:
        return respond(id=received.params["id"], status="cancelled").answer({"model": "m1"})

    def list_input(self, received: Received) -> Reply:
        content = [{"type": "input_text", "text": "it"}]
        item = {"id": "msg_0", "type": "message", "role": "user", "status": "completed", "content": content}
        return in_json({"object": "list", "data": [item], "first_id": "msg_0", "last_id": "msg_0", "has_more": False})

    def speak(self, received: Received) -> Reply:
        asked = received.json or {}
        data, content_type = speech(asked.get("input", ""), asked.get("response_format") or "mp3")
        return in_bytes(data, content_type).with_(body=b"", steps=[data[:100], data[100:]])

    def transcribe(self, received: Received) -> Reply:
        return transcribe(received)

    def answer_any(self, received: Received) -> Reply:
        """Any other operation that names a listed model gets an object and its usage."""
        asked = received.json if isinstance(received.json, dict) else received.fields
        if asked.get("model") not in [one["id"] for one in self.objects()]:
            return error(404, f"Unknown request URL: POST {received.path}.", code="unknown_url")
        usage = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
        return in_json({"object": received.params["operation"], "model": asked["model"], "usage": usage})

    def draw(self, received: Received) -> Reply:
        asked = received.json if received.json is not None else received.fields
        return images(received, asked)

    def picture(self, received: Received) -> Reply:
        return in_bytes(png(int(received.params["width"]), int(received.params["height"])), "image/png")


def error(
    status: int,
    message: str = "Something went wrong.",
    *,
    type: str = "invalid_request_error",
    code: str | int | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Reply:
    """An error as OpenAI sends it before a stream begins; `headers` may hold Retry-After."""
    return in_json({"error": {"message": message, "type": type, "param": param, "code": code, **more}}, status, headers)


def error_frame(message: str = "The server had an error", *, event: str = "", **more: Any) -> bytes:
    """An error inside a stream that has begun."""
    body = {"error": {"message": message, "type": "server_error", "param": None, "code": None, **more}}
    return frame(body, event=event)


def echo(messages: Sequence[Any]) -> str:
    """The answer of an unscripted chat: the last user text, with a word for pictures that came along."""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return f"You said: {content}"
            texts = [part.get("text", "[picture]") for part in content or [] if isinstance(part, dict)]
            return f"You said: {' '.join(texts)}"
    return "You said nothing."


def embedding(value: Any, size: int) -> list[float]:
    """A vector that depends on the input alone; every number is exact in float32."""
    digest = hashlib.sha256(json.dumps(value).encode()).digest()
    return [(digest[i % 32] - 128) / 128 for i in range(size)]


def pieces_of(content: str, frames: int | None) -> list[str]:
    """Cut a text into `frames` pieces, or behind its spaces when no number is given."""
    if frames is None:
        words = content.split(" ")
        return [word + " " for word in words[:-1]] + [words[-1]] if content else []
    size, extra = divmod(len(content), frames)
    ends = [size * i + min(i, extra) for i in range(frames + 1)]
    return [content[a:b] for a, b in itertools.pairwise(ends)]


def chat(
    content: str | Sequence[str] | None = "Hello there.",
    *,
    frames: int | None = None,
    delay: float = 0.0,
    before: Sequence[Step] = (),
    after: Mapping[int, Step | Sequence[Step]] | None = None,
    reasoning: str | Sequence[str] = "",
    reasoning_field: str = "reasoning_content",
    tool_calls: Sequence[Mapping[str, Any]] = (),
    images: Sequence[str] = (),
    refusal: str | None = None,
    finish: str | None = "stop",
    usage: Mapping[str, Any] | bool = True,
    done: bool = True,
    newline: str = "\n",
    id: str = "chatcmpl-1",
    model: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    message: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    ignore_stream: bool = False,
) -> Behaviour:
    """One chat answer, streamed when the request says `stream: true`.

    `content`: a text (cut into `frames` pieces, or behind each space) or the pieces themselves. `delay`: seconds before
    each piece. `before`: steps before the status line. `after[n]`: steps once n pieces are out (`{0: gate}` stands
    before the first piece, behind the role frame): a Gate, a Cut (RESET, DROP, END), bytes of your own such as
    `error_frame()`. In an answer that is not streamed gates come before the status line and a cut halves the body.
    `usage`: true = counted, and in a stream only on request (`include_usage`); a mapping = these numbers, always sent;
    false = never. `finish=None` and `done=False` leave the finish frame and `[DONE]` out. `tool_calls`: dicts with
    `name`, `arguments` (text or object) and perhaps `id`. `images`: data URLs, as OpenRouter sends them. `message`:
    more members of the message (or of the last delta), `extra`: more members of every object. `ignore_stream`: answer
    plain JSON anyway.
    """
    pieces = [] if content is None else pieces_of(content, frames) if isinstance(content, str) else list(content)
    thoughts = [reasoning] if isinstance(reasoning, str) and reasoning else list(reasoning)
    calls = [
        {
            "id": call.get("id", f"call_{index}"),
            "type": "function",
            "function": {
                "name": call["name"],
                "arguments": call["arguments"] if isinstance(call["arguments"], str) else json.dumps(call["arguments"]),
            },
        }
        for index, call in enumerate(tool_calls)
    ]
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in images]
    at = {place: _listed(steps) for place, steps in (after or {}).items()}

    def behave(received: Received) -> Reply:
        asked = received.json if isinstance(received.json, dict) else {}
        named = model if model is not None else asked.get("model") or received.params.get("deployment", "m1")
        counted = _counted(asked, pieces, thoughts) if usage is True else dict(usage or {})
        if asked.get("stream") and not ignore_stream:
            wants_usage = isinstance(usage, Mapping) or (usage and includes_usage(asked))
            steps = _stream(named, counted if wants_usage else None)
            return Reply(status, {**EVENTS, **(headers or {})}, steps=steps, before=before)
        return _whole(named, counted)

    def chunk(named: str, delta: Mapping[str, Any], ending: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": ending}
        return frame({**_head("chat.completion.chunk", named), "choices": [choice]}, newline=newline)

    def _head(kind: str, named: str) -> dict[str, Any]:
        return {"id": id, "object": kind, "created": CREATED, "model": named, **(extra or {})}

    def _stream(named: str, counted: Mapping[str, Any] | None) -> list[Step]:
        steps: list[Step] = [chunk(named, {"role": "assistant", "content": ""})]
        steps += [chunk(named, {reasoning_field: thought}) for thought in thoughts]
        steps += at.get(0, [])
        for number, piece in enumerate(pieces, start=1):
            if delay:
                steps.append(Pause(delay))
            steps.append(chunk(named, {"content": piece}))
            steps += at.get(number, [])
        for index, call in enumerate(calls):
            function = call["function"]
            first = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
            steps.append(chunk(named, {"tool_calls": [first]}))
            for part in pieces_of(function["arguments"], 2):
                steps.append(chunk(named, {"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
        if pictures:
            steps.append(chunk(named, {"images": pictures}))
        if refusal is not None:
            steps.append(chunk(named, {"refusal": refusal}))
        if finish is not None:
            ending = "tool_calls" if calls and finish == "stop" else finish
            steps.append(chunk(named, dict(message or {}), ending))
        if counted is not None:
            steps.append(
                frame({**_head("chat.completion.chunk", named), "choices": [], "usage": counted}, newline=newline)
            )
        if done:
            steps.append(frame("[DONE]", newline=newline))
        return steps

    def _whole(named: str, counted: Mapping[str, Any]) -> Reply:
        said: dict[str, Any] = {"role": "assistant", "content": "".join(pieces) if content is not None else None}
        said["refusal"] = refusal
        if thoughts:
            said[reasoning_field] = "".join(thoughts)
        if calls:
            said["tool_calls"] = calls
        if pictures:
            said["images"] = pictures
        said |= message or {}
        ending = "tool_calls" if calls and finish == "stop" else finish
        choice = {"index": 0, "finish_reason": ending, "logprobs": None, "message": said}
        body: dict[str, Any] = {**_head("chat.completion", named), "choices": [choice]}
        if usage is not False:
            body["usage"] = counted
        flat = [step for steps in at.values() for step in steps]
        cuts = [step for step in flat if isinstance(step, Cut)]
        waits = [step for step in flat if isinstance(step, Gate | Pause)]
        reply = in_json(body, status, headers, before=[*before, *waits])
        if cuts:
            length = {"Content-Type": "application/json", "Content-Length": str(len(reply.body))}
            half = reply.body[: len(reply.body) // 2]
            return reply.with_(headers=length, body=b"", steps=[half, RESET if RESET in cuts else DROP])
        return reply

    return behave


def _listed(steps: Step | Sequence[Step]) -> list[Step]:
    return list(steps) if isinstance(steps, list | tuple) else [steps]  # type: ignore[list-item]


def _counted(asked: Mapping[str, Any], pieces: Sequence[str], thoughts: Sequence[str]) -> dict[str, Any]:
    """A plain count: a token is a word of the messages' JSON, or a piece of the answer."""
    prompt = len(json.dumps(asked.get("messages", []), ensure_ascii=False).split())
    answer = len(pieces) + len(thoughts)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": len(thoughts)},
    }


def images(received: Received, asked: Mapping[str, Any], *, revised_prompt: str | None = None) -> Reply:
    """Pictures of the asked size: base64, or addresses on this server for `response_format: url`."""
    size = str(asked.get("size") or "64x64")
    width, height = (int(side) for side in size.split("x")) if "x" in size else (64, 64)
    count = int(asked.get("n") or 1)
    data: list[dict[str, Any]] = []
    for number in range(count):
        if asked.get("response_format") == "url":
            one: dict[str, Any] = {"url": f"http://{received.request.host}/pictures/{width}x{height}.png?n={number}"}
        else:
            one = {"b64_json": base64.b64encode(png(width, height, shade=number * 40)).decode()}
        data.append({**one, "revised_prompt": revised_prompt} if revised_prompt else one)
    usage = {"input_tokens": 14, "output_tokens": 100 * count, "total_tokens": 14 + 100 * count}
    return in_json({"created": CREATED, "data": data, "usage": usage})
