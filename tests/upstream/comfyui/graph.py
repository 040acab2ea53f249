"""Graphs in the scripted ComfyUI: validation as in the real one, order of execution, pictures."""

import re
import struct
from typing import Any

from tests.upstream.pictures import png

Graph = dict[str, Any]
SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustomAdvanced")


class Interrupted(Exception):
    def __init__(self, node_id: str) -> None:
        super().__init__(node_id)
        self.node_id = node_id


class Failed(Exception):
    """An exception in a node, as `execution_error` tells it."""

    def __init__(self, node_id: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.node_id, self.kind, self.message = node_id, kind, message

    def data(self, graph: Graph) -> dict[str, Any]:
        return {
            "node_id": self.node_id,
            "node_type": graph[self.node_id]["class_type"],
            "executed": [],
            "exception_type": self.kind,
            "exception_message": self.message,
            "traceback": ['  File "/opt/ComfyUI/execution.py", line 496, in execute\n'],
            "current_inputs": {"text": ["a secret prompt"]},
            "current_outputs": [],
        }


def error(kind: str, message: str, details: str = "", **extra: Any) -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def is_uuid(text: object) -> bool:
    return isinstance(text, str) and bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))


def is_link(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


# --- validation -------------------------------------------------------------------------------------------------------


def validate(
    graph: Graph, info: dict[str, Any], inputs: dict[str, bytes], *, old: bool
) -> tuple[dict[str, Any] | None, list[str], dict[str, Any]]:
    """(error or None, outputs that run, node_errors). Classes of all nodes, inputs only where an output needs them."""
    for node_id, node in graph.items():
        if node.get("class_type") not in info:
            if "class_type" not in node:
                message = "Cannot execute because a node is missing the class_type property."
                return error("invalid_prompt", message, f"Node ID '#{node_id}'"), [], {}
            if old:
                message = f"Cannot execute because node {node['class_type']} does not exist."
                return error("invalid_prompt", message, f"Node ID '#{node_id}'"), [], {}
            facts = {"node_id": node_id, "class_type": node["class_type"], "node_title": node["class_type"]}
            message = f"Node '{node['class_type']}' not found. The custom node may not be installed."
            return error("missing_node_type", message, f"Node ID '#{node_id}'", **facts), [], {}
    outputs = [node_id for node_id, node in graph.items() if info[node["class_type"]]["output_node"]]
    if not outputs:
        return error("prompt_no_outputs", "Prompt has no outputs"), [], {}
    node_errors: dict[str, Any] = {}
    good = []
    for output in outputs:
        bad = False
        for node_id in in_order(graph, [output]):
            problems = list(_problems(graph, node_id, info, inputs))
            if problems:
                bad = True
                entry = {"class_type": graph[node_id]["class_type"], "dependent_outputs": [], "errors": problems}
                node_errors.setdefault(node_id, entry)["dependent_outputs"].append(output)
        if not bad:
            good.append(output)
    if not good:
        return error("prompt_outputs_failed_validation", "Prompt outputs failed validation"), [], node_errors
    return None, good, node_errors


def _problems(graph: Graph, node_id: str, info: dict[str, Any], inputs: dict[str, bytes]) -> Any:
    node = graph[node_id]
    for name, spec in info[node["class_type"]]["input"]["required"].items():
        if name not in node["inputs"]:
            yield error("required_input_missing", "Required input is missing", name, input_name=name)
            continue
        value = node["inputs"][name]
        if isinstance(value, list):
            yield from _link_problems(graph, name, value, spec, info)
            continue
        facts = {"input_name": name, "received_value": value, "input_config": None}
        if name == "image" and node["class_type"].startswith("LoadImage"):
            if value not in inputs:
                message = "Custom validation failed for node"
                yield error("custom_validation_failed", message, f"image - Invalid image file: {value}", **facts)
            continue
        choices = spec[0] if isinstance(spec[0], list) else spec[1]["options"] if spec[0] == "COMBO" else None
        if choices is not None and value not in choices:
            yield error("value_not_in_list", "Value not in list", f"{name}: '{value}' not in list", **facts)
        if spec[0] in ("INT", "FLOAT"):
            try:
                number = float(value)
            except ValueError:
                yield error("invalid_input_type", f"Failed to convert an input value to a {spec[0]} value", **facts)
                continue
            if number < spec[1].get("min", number):
                yield error("value_smaller_than_min", f"Value {value} smaller than min", name, **facts)
            if number > spec[1].get("max", number):
                yield error("value_bigger_than_max", f"Value {value} bigger than max", name, **facts)
        # A text where a link belongs passes: the run fails instead.


def _link_problems(graph: Graph, name: str, value: list[Any], spec: list[Any], info: dict[str, Any]) -> Any:
    if not is_link(value):
        message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        yield error("bad_linked_input", message, name, input_name=name)
    elif value[0] not in graph:
        trace = ['  File "/opt/ComfyUI/execution.py", line 800, in validate_inputs\n']
        facts = {"exception_type": "KeyError", "traceback": trace}
        yield error("exception_during_validation", "Exception when validating node", f"'{value[0]}'", **facts)
    else:
        given = info[graph[value[0]]["class_type"]]["output"][value[1]]
        if isinstance(spec[0], str) and given != spec[0]:
            details = f"{name}, received_type({given}) mismatch input_type({spec[0]})"
            yield error("return_type_mismatch", "Return type mismatch between linked nodes", details, input_name=name)


# --- running ----------------------------------------------------------------------------------------------------------


def in_order(graph: Graph, outputs: list[str]) -> list[str]:
    """The outputs' nodes, each after what it needs. Links to nowhere are left out."""
    order: dict[str, None] = {}

    def visit(node_id: str, above: tuple[str, ...]) -> None:
        if node_id in order or node_id not in graph or node_id in above:
            return
        for value in graph[node_id]["inputs"].values():
            if is_link(value):
                visit(value[0], (*above, node_id))
        order[node_id] = None

    for output in outputs:
        visit(output, ())
    return list(order)


def steps_of(graph: Graph, node: dict[str, Any]) -> int:
    sigmas = node["inputs"].get("sigmas")
    if is_link(sigmas):
        node = graph[sigmas[0]]
    return int(node["inputs"].get("steps", 3))


def value_of(node_id: str, graph: Graph, values: dict[str, Any], inputs: dict[str, bytes]) -> Any:
    """A node's result: (width, height, number) for latents, PNGs for images, anything for the rest."""
    node = graph[node_id]
    given = {name: values.get(one[0]) if is_link(one) else one for name, one in node["inputs"].items()}
    kind = node["class_type"]
    if kind.startswith("Empty"):
        return given["width"], given["height"], given["batch_size"]
    if kind in ("LoadImage", "LoadImageMask"):
        data = inputs[given["image"]]
        if not data.startswith(b"\x89PNG"):
            message = f"cannot identify image file '/opt/ComfyUI/input/{given['image']}'"
            raise Failed(node_id, "PIL.UnidentifiedImageError", message)
        return [data]
    if kind == "ImageScale":
        return [png(given["width"], given["height"])]
    if kind.startswith("VAEEncode"):
        return (*struct.unpack(">II", given["pixels"][0][16:24]), 1)
    if kind == "RepeatLatentBatch":
        return (*given["samples"][:2], given["amount"])
    if kind in SAMPLERS:
        return (*given["latent_image"], given.get("seed", given.get("noise_seed", given.get("noise", 0))))
    if kind == "RandomNoise":
        return given["noise_seed"]
    if kind.startswith("Primitive"):
        return given["value"]
    if kind == "VAEDecode":
        width, height, number, *seed = given["samples"]
        return [png(width, height, shade=((seed or [0])[0] + index) % 251) for index in range(number)]
    if kind in ("SaveImage", "PreviewImage", "SaveImageWebsocket"):
        if not isinstance(given["images"], list):
            raise Failed(node_id, "AttributeError", "'str' object has no attribute 'cpu'")
        return given["images"]
    return next((values[one[0]] for one in node["inputs"].values() if is_link(one) and one[0] in values), None)
