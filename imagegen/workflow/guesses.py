"""The node map where it is evident: walk back from the samplers to what feeds them.

Only what has one reading is guessed. Two different prompts on one side, samplers with different numbers of steps, or
two models stay open, and the administrator chooses.
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
    """Ids of the nodes that the server runs for their own sake; without a server the stock ones, else the last ones."""
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
    """The evident lines of the node map, in the order of the types."""
    return _Guess(graph, installed).lines()


class _Guess:
    def __init__(self, graph: Graph, installed: Installed | None) -> None:
        self.graph = graph
        # A broken link near the end cuts everything off: then the whole graph is looked at, and `check` names the link.
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

    def literal(self, place: NodeInput, kinds: tuple[type, ...]) -> NodeInput | None:
        """The place where the value really stands: here, or in the primitive node that a link leads to."""
        seen: set[NodeInput] = set()
        while place not in seen:
            seen.add(place)
            node_id, key = place
            value = self.graph[node_id]["inputs"].get(key)
            if isinstance(value, kinds) and not isinstance(value, bool):
                return place
            link = link_of(value)
            if link is None or link.node_id not in self.graph:
                return None
            inputs = self.graph[link.node_id]["inputs"]
            keys = [name for name in _PRIMITIVE_KEYS if name in inputs]
            if len(keys) != 1 or len(inputs) > 2:  # more than a primitive: its output may be something else
                return None
            place = (link.node_id, keys[0])
        return None

    def walk(self, start: NodeInput, keys: Iterable[str]) -> list[str]:
        """Ids met when following `keys` back from the link at `start`, nearest first."""
        names = tuple(keys)
        met: dict[str, None] = {}
        waiting = [link_of(self.graph[start[0]]["inputs"].get(start[1]))]
        while waiting:
            link = waiting.pop(0)
            if link is None or link.node_id in met or link.node_id not in self.graph:
                continue
            met[link.node_id] = None
            inputs = self.graph[link.node_id]["inputs"]
            waiting.extend(link_of(inputs.get(name)) for name in names)
        return list(met)

    # --- one type each ---

    def prompts(self, side: str) -> list[NodeInput]:
        """The text places that feed one side of all samplers; none when they are not the same for all of them."""
        found = {tuple(self._texts(self._conditioning(sampler, side))) for sampler in self.samplers}
        found.discard(())
        return list(found.pop()) if len(found) == 1 else []

    def _conditioning(self, sampler: str, side: str) -> NodeInput:
        """Where a side enters: the sampler itself, or its guider (BasicGuider has one side only)."""
        if guider := link_of(self.graph[sampler]["inputs"].get("guider")):
            inputs = self.graph.get(guider.node_id, {"inputs": {}})["inputs"]
            if side == "positive" and "conditioning" in inputs:
                return guider.node_id, "conditioning"
            return (guider.node_id, side) if guider.node_id in self.graph else (sampler, side)
        return sampler, side

    def _texts(self, start: NodeInput) -> list[NodeInput]:
        """Text places behind a conditioning; empty when more than one encoder feeds it."""
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
                continue  # an empty text, whatever went in
            places = [
                place for key in _TEXT_KEYS if key in inputs and (place := self.literal((link.node_id, key), (str,)))
            ]
            if places:
                encoders[link.node_id] = places
            elif {"positive", "negative"} <= inputs.keys():  # ControlNet and the like: outputs in the same order
                waiting.append(link_of(inputs["positive" if link.output == 0 else "negative"]))
            else:
                waiting.extend(link_of(inputs.get(key)) for key in _CONDITIONING_KEYS)
        return next(iter(encoders.values())) if len(encoders) == 1 else []

    def size(self, key: str) -> list[NodeInput]:
        """Width, height or number where the latent begins; scaling further down belongs to the graph's author.

        A mask is scaled beside its picture: all places that say the same take the value.
        """
        for sampler in self.samplers:
            found = []
            for node_id in self.walk((sampler, "latent_image"), _LATENT_KEYS):
                inputs = self.graph[node_id]["inputs"]
                begins = "batch_size" in inputs or "width" in inputs or "amount" in inputs
                if begins and key in inputs and (place := self.literal((node_id, key), (int,))):
                    found.append(place)
            if found and len({self._value(place) for place in found}) == 1:
                return found
        return []

    def steps(self) -> list[NodeInput]:
        return self._agreeing(node_id for node_id in self._sampling())

    def _agreeing(self, node_ids: Iterable[str]) -> list[NodeInput]:
        places = [place for node_id in node_ids if (place := self.literal((node_id, "steps"), (int,)))]
        return places if len({self._value(place) for place in places}) == 1 else []

    def seeds(self) -> list[NodeInput]:
        keys = ((node_id, key) for node_id in self._sampling() for key in _SEED_KEYS)
        return list(dict.fromkeys(place for one in keys if (place := self._if_there(one))))

    def _if_there(self, place: NodeInput) -> NodeInput | None:
        return self.literal(place, (int,)) if place[1] in self.graph[place[0]]["inputs"] else None

    def _sampling(self) -> list[str]:
        """Samplers and what directly belongs to them: noise, sigmas."""
        parts = [
            link.node_id
            for sampler in self.samplers
            for name, link in links(self.graph[sampler])
            if name in ("noise", "sigmas") and link.node_id in self.graph
        ]
        return list(dict.fromkeys([*self.samplers, *parts]))

    def models(self) -> list[NodeInput]:
        """The one loader at the end of the samplers' model chain."""
        found: dict[NodeInput, None] = {}
        for sampler in self.samplers:
            start = "guider" if "guider" in self.graph[sampler]["inputs"] else "model"
            for node_id in self.walk((sampler, start), _MODEL_KEYS):
                inputs = self.graph[node_id]["inputs"]
                name = next((key for key, value in inputs.items() if "_name" in key and isinstance(value, str)), None)
                if name and link_of(inputs.get("model")) is None:
                    found[(node_id, name)] = None
        return list(found) if len(found) == 1 else []

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

    def _value(self, place: NodeInput) -> Any:
        return self.graph[place[0]]["inputs"][place[1]]


def mask_is_in_picture(graph: Graph, picture_node: str) -> bool:
    """Whether the graph takes its mask from the picture's own transparency (LoadImage's second output)."""
    return any(link == (picture_node, 1) for node in graph.values() for _name, link in links(node))


def _lines(kind: str, places: list[NodeInput]) -> list[NodeValue]:
    """One line per input name: nodes with the same input share it."""
    by_key: dict[str, list[str]] = {}
    for node_id, key in dict.fromkeys(places):
        by_key.setdefault(key, []).append(node_id)
    return [NodeValue(kind, tuple(node_ids), key) for key, node_ids in by_key.items()]
