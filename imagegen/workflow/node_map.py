"""The node map, which says what value goes into which input, and how a graph is filled with it."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen.workflow.graph import Graph, link_of, refused
from providers.sentences import sentence as _

# Value types, and the input they are written to when the map names none. A type that is not here is a mistake; no type
# at all writes the literal `value`; docs/upstreams/compatibility.md, “ComfyUI node map”.
DEFAULT_KEYS = {
    "model": "ckpt_name",
    "prompt": "text",
    "negative_prompt": "text",
    "width": "width",
    "height": "height",
    "n": "batch_size",
    "steps": "steps",
    "seed": "seed",
    "image": "image",
    "mask": "image",
}


@dataclass(frozen=True, slots=True)
class NodeValue:
    """One line of the node map: the value of `type` (or the literal `value`) goes to input `key` of these nodes.

    For `image` the n-th picture goes to the n-th node; every other value goes to all of them.
    """

    type: str
    node_ids: tuple[str, ...]
    key: str
    value: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The form in which the map is stored: `{type, node_ids, key, value}`."""
        return {"type": self.type, "node_ids": list(self.node_ids), "key": self.key, "value": self.value}


def read_nodes(entries: Iterable[Any]) -> list[NodeValue]:
    """The map from its stored form; `node_ids` may be a list or a text with commas. Raises ConfigurationError by line.

    Lines without node ids are left out: an empty row of a form sends one.
    """
    read: list[NodeValue] = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, NodeValue):
            read.append(entry)
            continue
        if not isinstance(entry, Mapping):
            raise refused(_("Line %d of the node map is not an object.") % number)
        kind = str(entry.get("type") or "")
        if kind and kind not in DEFAULT_KEYS:
            words = {"line": number, "type": kind, "known": ", ".join(DEFAULT_KEYS)}
            raise refused(_("Line %(line)d of the node map: “%(type)s” is none of %(known)s.") % words)
        ids = entry.get("node_ids")
        parts = ids.split(",") if isinstance(ids, str) else ids if isinstance(ids, Sequence) else [ids]
        node_ids = tuple(text for part in parts if part is not None and (text := str(part).strip()))
        key = str(entry.get("key") or DEFAULT_KEYS.get(kind, ""))
        if node_ids and not key:
            raise refused(_("Line %d of the node map names no input (key).") % number)
        if node_ids:
            read.append(NodeValue(kind, node_ids, key, entry.get("value")))
    return read


def mapped(nodes: Iterable[NodeValue], kind: str) -> list[tuple[str, str]]:
    """`(node id, input)` of every input that takes this type, in the map's order."""
    return [(node_id, line.key) for line in nodes if line.type == kind for node_id in line.node_ids]


def kinds(nodes: Iterable[NodeValue]) -> frozenset[str]:
    return frozenset(line.type for line in nodes if line.type and line.node_ids)


def fill(graph: Graph, nodes: Sequence[NodeValue], values: Mapping[str, Any]) -> Graph:
    """A copy of `graph` with `values` (by type) and literals filled in; None is never filled in.

    `values["image"]` is a list of file names: the n-th goes to the n-th image node; further nodes keep their own
    picture. Raises ConfigurationError when the map names a node that the graph does not have.
    """
    filled = copy.deepcopy(graph)
    for line in nodes:
        if line.type != "image":
            value = values.get(line.type) if line.type else line.value
            for node_id in line.node_ids:
                _write(filled, node_id, line.key, value)
    for (node_id, key), name in zip(mapped(nodes, "image"), values.get("image") or (), strict=False):
        _write(filled, node_id, key, name)
    return filled


def _write(graph: Graph, node_id: str, key: str, value: Any) -> None:
    if node_id not in graph:
        raise refused(_("The node map names node %s, which the workflow does not have.") % node_id)
    if value is None:
        return
    # A plain list as a value would be read as a link.
    wrapped = {"__value__": value} if isinstance(value, list) and link_of(value) is None else value
    graph[node_id]["inputs"][key] = wrapped


def current_value(graph: Graph, nodes: Iterable[NodeValue], kind: str) -> Any:
    """The graph's own value for this type: the first mapped input's literal; None when there is none."""
    for node_id, key in mapped(nodes, kind):
        value = graph[node_id]["inputs"].get(key) if node_id in graph else None
        if value is not None and link_of(value) is None:
            return value
    return None
