"""A plan: the graph of a configuration and a request, its node map, and what it can express. No network."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagegen import workflow
from imagegen.capabilities import Capabilities
from imagegen.engines import latents
from imagegen.engines.base import EngineConfig
from imagegen.image_request import ImageRequest
from providers.errors import BadRequest, ConfigurationError
from providers.sentences import sentence as _

LARGEST_SEED = 2**50  # of random seeds; a request may choose a larger one


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph with its node map. `outputs`: the ids that an administrator named; empty: every node that saves pictures.

    `built_in`: the graph is ours, because the administrator gave none.
    """

    graph: workflow.Graph
    nodes: tuple[workflow.NodeValue, ...]
    outputs: frozenset[str]
    built_in: bool

    @property
    def kinds(self) -> frozenset[str]:
        return workflow.kinds(self.nodes)

    @property
    def pictures(self) -> list[str]:
        """Ids of the nodes that take input pictures, in order."""
        return [node_id for node_id, _key in workflow.mapped(self.nodes, "image")]

    @property
    def mask_is_in_picture(self) -> bool:
        """Whether a mask has to be the transparency of the first picture."""
        return "mask" not in self.kinds and any(
            workflow.mask_is_in_picture(self.graph, node_id) for node_id in self.pictures[:1]
        )

    def saving(self) -> set[str]:
        """Ids of the nodes whose pictures are the result."""
        outputs = workflow.output_nodes(self.graph)
        previews = {node_id for node_id in outputs if self.graph[node_id]["class_type"] == "PreviewImage"}
        return set(self.outputs) or (outputs - previews) or outputs


def plan_of(config: EngineConfig, purpose: workflow.Purpose = "generate") -> Plan:
    """The plan for a purpose. Raises ConfigurationError for a workflow or a node map that cannot be read."""
    graph = workflow.parse(config.workflow) if config.workflow else workflow.default_graph(purpose)
    nodes = (config.workflow and workflow.read_nodes(config.nodes)) or workflow.guess_nodes(graph)
    return Plan(graph, tuple(nodes), output_ids(config), built_in=not config.workflow)


def output_ids(config: EngineConfig) -> frozenset[str]:
    named = config.options.get("output_nodes") or ""
    parts = named.split(",") if isinstance(named, str) else named
    return frozenset(text for part in parts if (text := str(part).strip()))


def purpose_of(request: ImageRequest) -> workflow.Purpose:
    return "inpaint" if request.mask else "edit" if request.is_edit else "generate"


def capabilities_of(plan: Plan) -> Capabilities:
    """The capabilities of the node map. There is a built-in graph for every purpose."""
    kinds = plan.kinds
    return Capabilities(
        generate=plan.built_in or not plan.pictures,
        edit=plan.built_in or bool(plan.pictures),
        mask=plan.built_in or "mask" in kinds or plan.mask_is_in_picture,
        max_inputs=max(1, len(plan.pictures)),
        negative_prompt="negative_prompt" in kinds,
        steps="steps" in kinds,
        seed="seed" in kinds,
        per_call=10 if "n" in kinds else 1,
    )


def check(plan: Plan, config: EngineConfig, request: ImageRequest) -> None:
    """Raise for what the node map lacks and `Capabilities` cannot say: BadRequest, ConfigurationError."""
    if "prompt" not in plan.kinds:
        sentence = _("No node of the workflow takes the prompt: choose one in the node map.")
        raise ConfigurationError(sentence, code="invalid_workflow")
    for line in plan.nodes:
        if missing := [node_id for node_id in line.node_ids if node_id not in plan.graph]:
            sentence = _("The node map names node %s, which the workflow does not have.") % missing[0]
            raise ConfigurationError(sentence, code="invalid_workflow")
    if request.size and not is_sized(plan):
        raise BadRequest(_("The workflow sets the size itself."), param="size", code="not_supported")
    if request.model and "model" not in plan.kinds:
        raise BadRequest(_("The workflow sets the model itself."), param="model", code="not_supported")


def is_sized(plan: Plan) -> bool:
    return {"width", "height"} <= plan.kinds


def size_of(plan: Plan, request: ImageRequest) -> tuple[int | None, int | None]:
    """Width and height that can be drawn; None: the workflow's own. A built-in edit keeps its picture's size."""
    width, height = request.width, request.height
    if width is None and plan.built_in and request.images:
        width, height = request.images[0].width or None, request.images[0].height or None
    return width and latents.nearest(width), height and latents.nearest(height)


def seed_of(request: ImageRequest) -> int:
    """The requested seed or a random one: for an equal graph the server would draw nothing and return the old file."""
    return secrets.randbelow(LARGEST_SEED + 1) if request.seed is None else request.seed


def filled(plan: Plan, request: ImageRequest, uploads: Mapping[str, Any]) -> workflow.Graph:
    """The graph with all values filled in. `uploads` are the names of files on the server: `image` (a list) and
    `mask`; and `model`, where the request chose none.
    """
    width, height = size_of(plan, request)
    return workflow.fill(
        plan.graph,
        plan.nodes,
        {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt or None,
            "width": width,
            "height": height,
            "n": request.n,
            "steps": request.steps,
            "seed": seed_of(request),
            **uploads,
            "model": request.model or uploads.get("model") or None,
        },
    )
