"""A worker's task: how a picture was made, as its file says: our recipe, AUTOMATIC1111's, InvokeAI's or ComfyUI's.

Nothing of a workflow is kept but the prompts, the seed, the steps, the size and the model.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chat.decoding import containers, recipe_texts

OURS, AUTOMATIC1111, INVOKEAI, COMFYUI = "ours", "automatic1111", "invokeai", "comfyui"
MOST_NODES = 2_000
FARTHEST = 20  # links that are followed from a sampler

TaskResult = tuple[dict[str, Any], bytes]
Graph = dict[str, tuple[str, dict[str, Any]]]  # id → class and inputs; a link is [id, output]


def recipe(content: bytes, *, pixels: int) -> TaskResult:
    """`recipe` with `source`, and the `signature` with the `digest` that it is for; without them where there are none.

    `mark`: IPTC's mark of the source. Nothing is decoded, so that `pixels` does not count here.
    """
    try:
        texts = containers.texts(content)
        ours, signature, mark = recipe_texts.from_xmp(texts.get(containers.XMP, ""))
        values = {"signature": signature, "digest": containers.digest(content)} if signature else {}
    except containers.BrokenContainer:
        return {}, b""
    source, fields = (OURS, ours) if ours else _foreign(texts)
    return {"mark": mark, **values, **({"recipe": fields, "source": source} if fields else {})}, b""


def _foreign(texts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    written = texts.get("parameters") or texts.get(containers.USER_COMMENT) or ""
    if fields := recipe_texts.from_parameters(written):
        return AUTOMATIC1111, fields
    for name, read in (("invokeai_metadata", _invokeai), ("sd-metadata", _old_invokeai)):
        if fields := recipe_texts.cleaned(read(_object(texts.get(name, "")))):
            return INVOKEAI, fields
    graph = _graph(_object(texts.get("prompt", ""))) or _graph_of_page(_object(texts.get("workflow", "")))
    return COMFYUI, recipe_texts.cleaned(_comfyui(graph))


def _object(text: str) -> dict[str, Any]:
    """A JSON object; empty for anything else, and for one that is nested too deeply."""
    try:
        value = json.loads(text) if text[:1] == "{" else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _size(width: Any, height: Any) -> str:
    return f"{width}x{height}" if isinstance(width, int) and isinstance(height, int) else ""


# --- InvokeAI ---------------------------------------------------------------------------------------------------------


def _invokeai(value: dict[str, Any]) -> dict[str, Any]:
    model = value.get("model")
    names = _mapping(model)
    return {
        "prompt": value.get("positive_prompt"),
        "negative_prompt": value.get("negative_prompt"),
        "seed": value.get("seed"),
        "steps": value.get("steps"),
        "guidance": value.get("cfg_scale"),
        "sampler": value.get("scheduler"),
        "size": _size(value.get("width"), value.get("height")),
        "model": names.get("name") or names.get("model_name") or model,
        "strength": value.get("strength"),
    }


def _old_invokeai(value: dict[str, Any]) -> dict[str, Any]:
    image = _mapping(value.get("image"))
    prompt = image.get("prompt")
    if isinstance(prompt, list):
        prompt = "\n".join(str(_mapping(part).get("prompt") or "") for part in prompt[:20])
    return {
        "prompt": prompt,
        "seed": image.get("seed"),
        "steps": image.get("steps"),
        "guidance": image.get("cfg_scale"),
        "sampler": image.get("sampler"),
        "size": _size(image.get("width"), image.get("height")),
        "model": value.get("model_weights"),
    }


# --- ComfyUI ----------------------------------------------------------------------------------------------------------


def _graph(value: dict[str, Any]) -> Graph:
    """The nodes of a graph in the format of ComfyUI's API."""
    if len(value) > MOST_NODES:
        return {}
    nodes = {key: _mapping(node) for key, node in value.items()}
    return {
        key: (str(node["class_type"])[:100], _mapping(node.get("inputs")))
        for key, node in nodes.items()
        if "class_type" in node
    }


def _graph_of_page(value: dict[str, Any]) -> Graph:
    """The nodes of a graph in the format of ComfyUI's page. Its values have no names: those of known nodes count."""
    nodes, links = value.get("nodes"), value.get("links")
    if not isinstance(nodes, list) or not isinstance(links, list) or max(len(nodes), len(links)) > MOST_NODES:
        return {}
    origins = {str(link[0]): [str(link[1]), link[2]] for link in links if isinstance(link, list) and len(link) > 4}
    graph: Graph = {}
    for node in map(_mapping, nodes):
        kind, values = str(node.get("type"))[:100], node.get("widgets_values")
        listed = values if isinstance(values, list) else []
        inputs = dict(zip(_WIDGETS.get(kind, ()), listed, strict=False))
        for socket in node["inputs"] if isinstance(node.get("inputs"), list) else ():
            if (origin := origins.get(str(_mapping(socket).get("link")))) is not None:
                inputs[str(_mapping(socket).get("name"))] = origin
        graph[str(node.get("id"))] = (kind, inputs)
    return graph


_WIDGETS = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "CLIPTextEncode": ("text",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "RandomNoise": ("noise_seed",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "KSamplerSelect": ("sampler_name",),
}


def _comfyui(graph: Graph) -> dict[str, Any]:
    """The recipe of the first sampler: what its links lead to."""
    for key, (_kind, inputs) in graph.items():
        if any(name in inputs for name in ("seed", "noise_seed", "noise")) and _is_sampler(inputs):
            return {
                "prompt": _near(
                    graph, inputs.get("positive", inputs.get("guider")), "text", "t5xxl", "value", "string"
                ),
                "negative_prompt": _near(graph, inputs.get("negative"), "text", "value", "string"),
                "seed": _near(graph, [key, 0], "seed", "noise_seed"),
                "steps": _near(graph, [key, 0], "steps"),
                "guidance": inputs.get("cfg"),
                "sampler": _near(graph, [key, 0], "sampler_name"),
                "scheduler": _near(graph, [key, 0], "scheduler"),
                "strength": inputs.get("denoise") if inputs.get("denoise") != 1 else None,
                "model": _near(graph, [key, 0], "ckpt_name", "unet_name"),
                "size": _size(*(_near(graph, inputs.get("latent_image"), side) for side in ("width", "height"))),
            }
    return {}


def _is_sampler(inputs: dict[str, Any]) -> bool:
    return _is_link(inputs.get("positive")) or _is_link(inputs.get("guider"))


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int))


def _near(graph: Graph, link: Any, *names: str) -> Any:
    """The first value of one of these inputs, at the node of a link or at those before it; the nearest first."""
    for inputs in _behind(graph, link):
        for name in names:
            if isinstance(value := inputs.get(name), (str, int, float)) and not isinstance(value, bool):
                return value
    return None


def _behind(graph: Graph, link: Any) -> Iterator[dict[str, Any]]:
    """The inputs of the node of a link and of all nodes before it, each once."""
    seen, row = set[str](), [link]
    for _step in range(FARTHEST):
        following: list[Any] = []
        for each in row:
            key = str(each[0]) if _is_link(each) else ""
            if key in graph and key not in seen:
                seen.add(key)
                inputs = graph[key][1]
                yield inputs
                following += inputs.values()
        row = following
