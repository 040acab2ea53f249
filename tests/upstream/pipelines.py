"""A pipelines server, as docs/upstreams/pipelines.md describes it.

Its models are listed by `upstream.openai.models`; `listed(…)` makes their objects. `inlets` and `outlets` are functions
(body, user) → body by the id of a filter; one that raises is a 500 with its words, as there.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from tests.upstream.core import Protocol, Received
from tests.upstream.replies import Reply, in_json

Step = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
BASE = "/v1/(?P<id>[^/]+)"


class Pipelines(Protocol):
    """State: `inlets`, `outlets`, `valves` (values by the id of the pipeline), `specs` (JSON schemas)."""

    routes: ClassVar = [
        ("GET", "/v1/pipelines", "pipelines"),
        ("POST", BASE + "/filter/(?P<way>inlet|outlet)", "filter"),
        ("GET", BASE + "/valves", "get_valves"),
        ("GET", BASE + "/valves/spec", "get_spec"),
        ("POST", BASE + "/valves/update", "update"),
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.inlets: dict[str, Step] = {}
        self.outlets: dict[str, Step] = {}
        self.valves: dict[str, dict[str, Any]] = {}
        self.specs: dict[str, dict[str, Any]] = {}

    def pipelines(self, received: Received) -> Reply:
        rows = [{"id": name, "name": name.title(), "type": "filter", "valves": True} for name in self.valves]
        return in_json({"data": [*rows, {"id": "plain", "name": "plain", "type": "pipe", "valves": False}]})

    def filter(self, received: Received) -> Reply:
        name, body = received.params["id"], received.json["body"]
        if name not in [one["id"] for one in self.upstream.openai.objects()]:
            return detail(404, f"Filter {name} not found")
        step = (self.inlets if received.params["way"] == "inlet" else self.outlets).get(name)
        try:
            return in_json(step(body, received.json["user"]) if step else body)
        except Exception as error:
            return detail(500, str(error))

    def get_valves(self, received: Received) -> Reply:
        return self._known(received, self.valves)

    def get_spec(self, received: Received) -> Reply:
        return self._known(received, self.specs)

    def _known(self, received: Received, values: dict[str, dict[str, Any]]) -> Reply:
        name = received.params["id"]
        return in_json(values[name]) if name in values else detail(404, f"Valves for {name} not found")

    def update(self, received: Received) -> Reply:
        if not isinstance(received.json.get("priority", 0), int):
            return detail(500, "priority: Input should be a valid integer")
        self.valves[received.params["id"]] = received.json
        return in_json(received.json)


def detail(status: int, words: str) -> Reply:
    return in_json({"detail": words}, status)


def listed(name: str, *, models: list[str] | None = None, priority: int = 0) -> dict[str, Any]:
    """The object of a filter (with `models`) or of a pipe in the list."""
    facts: dict[str, Any] = {"type": "pipe", "valves": False}
    if models is not None:
        facts = {"type": "filter", "pipelines": models, "priority": priority, "valves": True}
    return {"id": name, "name": name.title(), "object": "model", "created": 1, "owned_by": "openai", "pipeline": facts}
