"""A guess of the node map: follow the links back from the samplers to the inputs that take each value.

Only what is unambiguous is guessed. Two different prompts on one side, samplers with different numbers of steps, or two
models are left to the administrator.
"""

from collections.abc import Iterable
from typing import Any

from imagegen.workflow import stock
from imagegen.workflow.graph import Graph, in_order, link_of, links, upstream
from imagegen.workflow.installed import Installed
from imagegen.workflow.node_map import NodeValue

NodeInput = tuple[str, str]  # node id, input name

_TEXT_KEYS = ("text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "prompt")
_SEED_KEYS = ("seed", "noise_seed")
_PRIMITIVE_KEYS = ("value", "text", "string", "int", "seed", "number", "prompt")
_CONDITIONING_KEYS = ("conditioning", "conditioning_1", "conditioning_2", "conditioning_to", "conditioning_from")
_LATENT_KEYS = ("latent_image", "samples", "latent", "pixels", "image", "mask")
_MODEL_KEYS = ("model", "guider", "model1", "unet")


def output_nodes(graph: Graph, installed: Installed | None = None) -> set[str]:
    """Ids of the output nodes; without a server the stock ones, else those that no other node uses."""
    if installed is not None:
        return {
            node_id
            for node_id, node in graph.items()
            if (node_class := installed.get(node["class_type"])) and node_class.is_output
        }
    known = {node_id for node_id, node in graph.items() if node["class_type"] in stock.OUTPUT_CLASSES}
    if known:
        return known
    used = {link.node_id for node in graph.values() for _name, link in links(node)}
    return set(graph) - used


def guess_nodes(graph: Graph, installed: Installed | None = None) -> list[NodeValue]:
    """The unambiguous lines of the node map, in the order of the types."""
    return _Guess(graph, installed).lines()


class _Guess:
    def __init__(self, graph: Graph, installed: Installed | None) -> None:
        self.graph = graph
        # A broken link near the output cuts off the samplers: then all nodes count, and `check` reports the link.
        self.live = in_order(upstream(graph, output_nodes(graph, installed)))
        self.samplers = self._samplers()
        if not self.samplers:
            self.live = in_order(set(graph))
            self.samplers = self._samplers()

    def _samplers(self) -> list[str]:
        wanted = ({"positive", "latent_image"}, {"guider", "latent_image"})
        return [
            node_id for node_id in self.live if any(names <= self.graph[node_id]["inputs"].keys() for names in wanted)
        ]

    def lines(self) -> list[NodeValue]:
        positive, negative = self.prompts("positive"), self.prompts("negative")
        pictures, masks = self.pictures()
        return [
            *_lines("model", self.models()),
            *_lines("prompt", positive),
            *_lines("negative_prompt", [] if set(positive) & set(negative) else negative),
            *_lines("width", self.size("width")),
            *_lines("height", self.size("height")),
            *_lines("n", self.size("batch_size") or self.size("amount")),
            *_lines("steps", self.steps()),
            *_lines("seed", self.seeds()),
            *_lines("image", pictures),
            *_lines("mask", masks),
        ]

    # --- following links ---

    def literal(self, target: NodeInput, kinds: tuple[type, ...]) -> NodeInput | None:
        """The input that holds the value: this one, or that of the primitive node that its link leads to."""
        seen: set[NodeInput] = set()
        while target not in seen:
            seen.add(target)
            node_id, key = target
            value = self.graph[node_id]["inputs"].get(key)
            if isinstance(value, kinds) and not isinstance(value, bool):
                return target
            link = link_of(value)
            if link is None or link.node_id not in self.graph:
                return None
            inputs = self.graph[link.node_id]["inputs"]
            keys = [name for name in _PRIMITIVE_KEYS if name in inputs]
            if len(keys) != 1 or len(inputs) > 2:  # more than a primitive: its output may be something else
                return None
            target = (link.node_id, keys[0])
        return None

    def walk(self, start: NodeInput, keys: Iterable[str]) -> list[str]:
        """Ids of the nodes behind the link at `start`, when inputs named `keys` are followed; nearest first."""
        names = tuple(keys)
        visited: dict[str, None] = {}
        waiting = [link_of(self.graph[start[0]]["inputs"].get(start[1]))]
        while waiting:
            link = waiting.pop(0)
            if link is None or link.node_id in visited or link.node_id not in self.graph:
                continue
            visited[link.node_id] = None
            inputs = self.graph[link.node_id]["inputs"]
            waiting.extend(link_of(inputs.get(name)) for name in names)
        return list(visited)

    # --- one type each ---

    def prompts(self, side: str) -> list[NodeInput]:
        """The text inputs that feed one side of all samplers; none when samplers have different ones."""
        by_sampler = {tuple(self._texts(self._conditioning(sampler, side))) for sampler in self.samplers}
        by_sampler.discard(())
        return list(by_sampler.pop()) if len(by_sampler) == 1 else []

    def _conditioning(self, sampler: str, side: str) -> NodeInput:
        """The input through which a side enters: of the sampler, or of its guider (BasicGuider has one side only)."""
        if guider := link_of(self.graph[sampler]["inputs"].get("guider")):
            inputs = self.graph.get(guider.node_id, {"inputs": {}})["inputs"]
            if side == "positive" and "conditioning" in inputs:
                return guider.node_id, "conditioning"
            return (guider.node_id, side) if guider.node_id in self.graph else (sampler, side)
        return sampler, side

    def _texts(self, start: NodeInput) -> list[NodeInput]:
        """The text inputs behind a conditioning; empty when more than one encoder feeds it."""
        encoders: dict[str, list[NodeInput]] = {}
        seen: set[tuple[str, int]] = set()
        waiting = [link_of(self.graph[start[0]]["inputs"].get(start[1]))]
        while waiting:
            link = waiting.pop(0)
            if link is None or link in seen or link.node_id not in self.graph:
                continue
            seen.add(link)
            node = self.graph[link.node_id]
            inputs = node["inputs"]
            if node["class_type"] == "ConditioningZeroOut":
                continue  # its output is that of an empty text
            targets = [
                target for key in _TEXT_KEYS if key in inputs and (target := self.literal((link.node_id, key), (str,)))
            ]
            if targets:
                encoders[link.node_id] = targets
            elif {"positive", "negative"} <= inputs.keys():  # ControlNet and the like: outputs in the same order
                waiting.append(link_of(inputs["positive" if link.output == 0 else "negative"]))
            else:
                waiting.extend(link_of(inputs.get(key)) for key in _CONDITIONING_KEYS)
        return next(iter(encoders.values())) if len(encoders) == 1 else []

    def size(self, key: str) -> list[NodeInput]:
        """The inputs for width, height or number where the latent begins; later scaling is the graph's own affair.

        A mask is scaled beside its picture: all inputs with the same value are taken.
        """
        for sampler in self.samplers:
            inputs_of_size = []
            for node_id in self.walk((sampler, "latent_image"), _LATENT_KEYS):
                inputs = self.graph[node_id]["inputs"]
                begins = "batch_size" in inputs or "width" in inputs or "amount" in inputs
                if begins and key in inputs and (target := self.literal((node_id, key), (int,))):
                    inputs_of_size.append(target)
            if inputs_of_size and len({self._value(target) for target in inputs_of_size}) == 1:
                return inputs_of_size
        return []

    def steps(self) -> list[NodeInput]:
        return self._agreeing(node_id for node_id in self._sampling())

    def _agreeing(self, node_ids: Iterable[str]) -> list[NodeInput]:
        targets = [target for node_id in node_ids if (target := self.literal((node_id, "steps"), (int,)))]
        return targets if len({self._value(target) for target in targets}) == 1 else []

    def seeds(self) -> list[NodeInput]:
        keys = ((node_id, key) for node_id in self._sampling() for key in _SEED_KEYS)
        return list(dict.fromkeys(target for key in keys if (target := self._if_present(key))))

    def _if_present(self, target: NodeInput) -> NodeInput | None:
        return self.literal(target, (int,)) if target[1] in self.graph[target[0]]["inputs"] else None

    def _sampling(self) -> list[str]:
        """Samplers, and the nodes that give them noise and sigmas."""
        parts = [
            link.node_id
            for sampler in self.samplers
            for name, link in links(self.graph[sampler])
            if name in ("noise", "sigmas") and link.node_id in self.graph
        ]
        return list(dict.fromkeys([*self.samplers, *parts]))

    def models(self) -> list[NodeInput]:
        """The loader at the end of the samplers' model chain; empty when there are several."""
        loaders: dict[NodeInput, None] = {}
        for sampler in self.samplers:
            start = "guider" if "guider" in self.graph[sampler]["inputs"] else "model"
            for node_id in self.walk((sampler, start), _MODEL_KEYS):
                inputs = self.graph[node_id]["inputs"]
                name = next((key for key, value in inputs.items() if "_name" in key and isinstance(value, str)), None)
                if name and link_of(inputs.get("model")) is None:
                    loaders[(node_id, name)] = None
        return list(loaders) if len(loaders) == 1 else []

    def pictures(self) -> tuple[list[NodeInput], list[NodeInput]]:
        """Nodes that load a picture, and nodes that load only a mask, in the order of their ids."""
        pictures: list[NodeInput] = []
        masks: list[NodeInput] = []
        for node_id in self.live:
            class_type = self.graph[node_id]["class_type"]
            if class_type in stock.LOAD_MASK_CLASSES:
                masks.append((node_id, "image"))
            elif class_type in stock.LOAD_IMAGE_CLASSES:
                (pictures if 0 in self.outputs_used(node_id) else masks).append((node_id, "image"))
        return pictures, masks

    def outputs_used(self, node_id: str) -> set[int]:
        return {link.output for user in self.live for _name, link in links(self.graph[user]) if link.node_id == node_id}

    def _value(self, target: NodeInput) -> Any:
        return self.graph[target[0]]["inputs"][target[1]]


def mask_is_in_picture(graph: Graph, picture_node: str) -> bool:
    """Whether the graph takes its mask from the picture's own transparency (LoadImage's second output)."""
    return any(link == (picture_node, 1) for node in graph.values() for _name, link in links(node))


def _lines(kind: str, targets: list[NodeInput]) -> list[NodeValue]:
    """One line per input name: nodes with the same input share it."""
    by_key: dict[str, list[str]] = {}
    for node_id, key in dict.fromkeys(targets):
        by_key.setdefault(key, []).append(node_id)
    return [NodeValue(kind, tuple(node_ids), key) for key, node_ids in by_key.items()]
