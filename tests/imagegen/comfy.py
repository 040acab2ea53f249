"""Shared parts of the ComfyUI tests: an engine that polls often, and graphs with an installed checkpoint."""

from collections.abc import Mapping
from typing import Any, ClassVar

from imagegen import workflow
from imagegen.engines.base import EngineConfig
from imagegen.engines.comfyui import ComfyUI


class Engine(ComfyUI):
    poll_seconds: ClassVar[float] = 0.1
    reopen_seconds: ClassVar[float] = 0.01


ENGINE = Engine()
SMALL = {"size": "64x64", "steps": 4}


def built_in(**changes: dict[str, Any]) -> dict[str, Any]:
    """The built-in graph with some inputs changed: `n3={"cfg": 5}` is node 3's."""
    graph = workflow.default_graph()
    graph["4"]["inputs"]["ckpt_name"] = "dream.safetensors"
    for node_id, inputs in changes.items():
        graph[node_id.removeprefix("n")]["inputs"].update(inputs)
    return graph


def with_graph(config: EngineConfig, graph: Mapping[str, Any], **values: Any) -> EngineConfig:
    return EngineConfig(url=config.url, workflow=graph, **values)


def sent(upstream: Any) -> dict[str, Any]:
    """The graph of the newest POST /prompt."""
    return upstream.asked("/prompt", "POST")[-1].json["prompt"]
