"""Ollama's own protocol; docs/upstreams/ollama.md. Its models are those of `upstream.openai`.

`lines(…)` makes the answer of a chat or a prompt that a test queues; without a script it echoes.
`upstream.ollama.loaded` are the models in memory; `progress` the lines of a pull.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tests.upstream.core import Protocol, Received
from tests.upstream.replies import Behaviour, Reply, Step, in_json

LINES = {"Content-Type": "application/x-ndjson"}
CREATED = "2026-11-03T10:15:00Z"
COUNTS = {
    "total_duration": 900000000,
    "load_duration": 100000000,
    "prompt_eval_count": 12,
    "prompt_eval_duration": 50000000,
    "eval_count": 4,
    "eval_duration": 60000000,
}
PROGRESS: tuple[Step, ...] = tuple(
    json.dumps(one, separators=(",", ":")).encode() + b"\n"
    for one in (
        {"status": "pulling manifest"},
        {"status": "pulling a2af6cc3eb7f", "digest": "sha256:a2af6cc3eb7f", "total": 2000, "completed": 500},
        {"status": "pulling a2af6cc3eb7f", "digest": "sha256:a2af6cc3eb7f", "total": 2000, "completed": 2000},
        {"status": "verifying sha256 digest"},
        {"status": "writing manifest"},
        {"status": "success"},
    )
)


class Ollama(Protocol):
    """State: `loaded`, `progress`; the models are `upstream.openai.models`."""

    routes: ClassVar = [
        ("GET", "/api/tags", "tags"),
        ("GET", "/api/ps", "list_loaded"),
        ("GET", "/api/version", "version"),
        ("POST", "/api/show", "show"),
        ("POST", "/api/(?P<operation>chat|generate)", "answer"),
        ("POST", "/api/(?P<operation>embed|embeddings)", "embed"),
        ("POST", "/api/pull", "pull"),
        ("DELETE", "/api/delete", "delete"),
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.loaded: list[str] = []
        self.progress: Sequence[Step] = PROGRESS

    @property
    def names(self) -> list[str]:
        return [one["id"] for one in self.upstream.openai.objects()]

    def _entry(self, name: str) -> dict[str, Any]:
        details = {"format": "gguf", "family": "gemma3", "families": None, "parameter_size": "4.3B"}
        return {"name": name, "model": name, "modified_at": "2026-10-01T09:00:00Z", "size": 1, "details": details}

    def _missing(self, received: Received) -> Reply | None:
        asked = received.json or {}
        name = asked.get("model") or asked.get("name") or ""
        if name not in self.names and f"{name}:latest" not in self.names:
            return error(404, f"model '{name}' not found")
        return None

    def tags(self, received: Received) -> Reply:
        return in_json({"models": [self._entry(name) for name in self.names]})

    def list_loaded(self, received: Received) -> Reply:
        facts = {"expires_at": "2318-10-01T09:00:00Z", "size_vram": 1, "context_length": 4096}
        return in_json({"models": [{**self._entry(name), **facts} for name in self.loaded]})

    def version(self, received: Received) -> Reply:
        return in_json({"version": "0.33.0"})

    def show(self, received: Received) -> Reply:
        shown = {"template": "{{ .Prompt }}", "details": self._entry("x")["details"], "capabilities": ["completion"]}
        return self._missing(received) or in_json({**shown, "model_info": {"general.architecture": "gemma3"}})

    def answer(self, received: Received) -> Reply:
        asked = received.json or {}
        if (missing := self._missing(received)) is not None:
            return missing
        said = asked.get("prompt") if received.path.endswith("generate") else (asked.get("messages") or [{}])[-1]
        text = said if isinstance(said, str) else (said or {}).get("content", "")
        if not text:  # the model is only loaded, or with `keep_alive` 0 unloaded
            unloads = asked.get("keep_alive") in (0, "0", "0s")
            (self.loaded.remove if unloads and asked["model"] in self.loaded else lambda name: None)(asked["model"])
            return lines("", reason="unload" if unloads else "load", counts={})(received)  # type: ignore[operator]
        return lines(f"You said: {text}")(received)  # type: ignore[operator]

    def embed(self, received: Received) -> Reply:
        asked = received.json or {}
        if (missing := self._missing(received)) is not None:
            return missing
        if received.params["operation"] == "embeddings":
            return in_json({"embedding": [0.5, -0.25]})
        inputs = asked.get("input")
        vectors = [[0.5, -0.25] for _ in (inputs if isinstance(inputs, list) else [inputs])]
        return in_json({"model": asked["model"], "embeddings": vectors, "total_duration": 9, "prompt_eval_count": 3})

    def pull(self, received: Received) -> Reply:
        asked = received.json or {}
        if "missing" in asked.get("model", ""):
            return Reply(200, LINES, steps=[line({"status": "pulling manifest"}), line({"error": NO_MANIFEST})])
        if asked["model"] not in self.names:
            self.upstream.openai.models.append(asked["model"])
        return Reply(200, LINES, steps=list(self.progress))

    def delete(self, received: Received) -> Reply:
        if (missing := self._missing(received)) is not None:
            return missing
        self.upstream.openai.models.remove(received.json["model"])
        return Reply(200, {}, b"")


NO_MANIFEST = "pull model manifest: file does not exist"


def line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def error(status: int, words: str) -> Reply:
    return in_json({"error": words}, status)


def lines(
    content: str = "Hello there.",
    *,
    after: Mapping[int, Step] | None = None,
    reason: str = "stop",
    counts: Mapping[str, Any] = COUNTS,
    done: bool = True,
    message: Mapping[str, Any] | None = None,
) -> Behaviour:
    """One answer of `/api/chat` or `/api/generate`, in lines unless the request says `"stream": false`.

    `after[n]`: a step behind the n-th piece. `done=False` leaves the last line out. `message`: more members of it.
    """
    pieces = [f"{word} " for word in content.split(" ")[:-1]] + content.split(" ")[-1:] if content else []

    def behave(received: Received) -> Reply:
        asked = received.json or {}
        head = {"model": asked.get("model"), "created_at": CREATED}

        def said(text: str) -> dict[str, Any]:
            if received.path.endswith("/generate"):
                return {"response": text}
            return {"message": {"role": "assistant", "content": text, **(message or {})}}

        last = {"done": True, "done_reason": reason, **counts}
        if asked.get("stream") is False:
            return in_json({**head, **said(content), **last})
        steps: list[Step] = []
        for number, piece in enumerate(pieces, start=1):
            steps.append(line({**head, **said(piece), "done": False}))
            if after and number in after:
                steps.append(after[number])
        if done:
            steps.append(line({**head, **said(""), **last}))
        return Reply(200, LINES, steps=steps)

    return behave
