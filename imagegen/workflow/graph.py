"""ComfyUI graphs in the API format, parsed: `{"3": {"class_type": "KSampler", "inputs": {…}}}`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypedDict

from providers.errors import ConfigurationError
from providers.json_bodies import RefusedJSON, TypedJSON
from providers.sentences import sentence as _


class Node(TypedDict):
    class_type: str
    inputs: dict[str, Any]
    _meta: dict[str, Any]


Graph = dict[str, Node]  # by node id; an id may hold a colon (a node inside a subgraph)


class NodeLink(NamedTuple):
    """`["4", 0]`: the first output of node 4."""

    node_id: str
    output: int


def refused(message: str) -> ConfigurationError:
    return ConfigurationError(message, code="invalid_workflow")


def link_of(value: object) -> NodeLink | None:
    """The link that an input holds: a list of a text and a number. Lists that are values come wrapped."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        output = value[1]
        if isinstance(output, (int, float)) and not isinstance(output, bool):
            return NodeLink(value[0], int(output))
    return None


def links(node: Node) -> Iterator[tuple[str, NodeLink]]:
    for name, value in node["inputs"].items():
        if link := link_of(value):
            yield name, link


def parse(source: str | bytes | Mapping[str, Any]) -> Graph:
    """The graph in `source` (JSON text or decoded JSON). Raises ConfigurationError, which says what to paste instead.

    The body of a `POST /prompt` is unwrapped; members of a node that a run does not need are left out.
    """
    data = _decoded(source)
    if _is_ui_format(data):
        raise refused(
            _(
                "This is ComfyUI's own save format, which its API does not take. In ComfyUI open the workflow, choose "
                "“Workflow → Export (API)” (older versions: enable Dev mode in the settings, then “Save (API Format)”) "
                "and use that file."
            )
        )
    inner = data.get("prompt")
    if isinstance(inner, Mapping) and "class_type" not in inner:
        data = inner
    if not data:
        raise refused(_("The workflow is empty."))
    return {str(node_id): _node(str(node_id), node) for node_id, node in data.items()}


def _decoded(source: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    try:
        # Exported graphs may hold NaN (`is_changed`), which is no JSON and which databases refuse.
        data = json.loads(source, cls=TypedJSON, parse_constant=lambda name: None)
    except UnicodeDecodeError as error:
        raise refused(_("The workflow is not a text file.")) from error
    except RefusedJSON as error:
        raise refused(error.msg) from error
    except json.JSONDecodeError as error:
        if not source.strip():
            raise refused(_("The workflow is empty.")) from error
        where = {"line": error.lineno, "column": error.colno}
        raise refused(_("The workflow is not JSON: line %(line)d, column %(column)d.") % where) from error
    if not isinstance(data, dict):
        raise refused(_("A workflow is a JSON object: node ids, each with its class_type and inputs."))
    return data


def _is_ui_format(data: Mapping[str, Any]) -> bool:
    """Whether it is the editor's own file: lists of `nodes` and `links` with positions (its old and its new schema)."""
    return isinstance(data.get("nodes"), list) and "class_type" not in data


def _node(node_id: str, node: object) -> Node:
    if not isinstance(node, Mapping) or not isinstance(node.get("class_type"), str) or not node["class_type"]:
        raise refused(_("Node %(id)s has no class_type: this is not a workflow in the API format.") % {"id": node_id})
    inputs = node.get("inputs", {})
    if not isinstance(inputs, Mapping):
        raise refused(_("The inputs of node %(id)s are not an object.") % {"id": node_id})
    meta = node.get("_meta")
    return {
        "class_type": node["class_type"],
        "inputs": dict(inputs),
        "_meta": dict(meta) if isinstance(meta, Mapping) else {},
    }


def title(graph: Graph, node_id: str) -> str:
    """A node's name for people: `KSampler (3)`, or its title in the editor."""
    node = graph.get(node_id)
    if node is None:
        return node_id
    name = node["_meta"].get("title") or node["class_type"]
    return f"{name} ({node_id})"


def in_order(node_ids: set[str]) -> list[str]:
    """Ids that are numbers by value, then the others as text: roughly the order in which the nodes were made."""
    return sorted(node_ids, key=lambda node_id: (*_number_first(node_id), node_id))


def _number_first(node_id: str) -> tuple[bool, int]:
    is_number = node_id.isdecimal() and len(node_id) < 20  # Python reads no "²", and not thousands of digits
    return not is_number, int(node_id) if is_number else 0


def upstream(graph: Graph, roots: set[str]) -> set[str]:
    """The ids of `roots` and of everything they depend on; ids that do not exist are left out."""
    seen: set[str] = set()
    waiting = [node_id for node_id in roots if node_id in graph]
    while waiting:
        node_id = waiting.pop()
        if node_id in seen:
            continue
        seen.add(node_id)
        waiting.extend(link.node_id for _name, link in links(graph[node_id]) if link.node_id in graph)
    return seen


def cycle(graph: Graph) -> list[str]:
    """The ids of one circle of links, in order; empty when there is none."""
    done: set[str] = set()
    for start in graph:
        path: dict[str, None] = {}  # an ordered set: the ids from `start` to here
        stack: list[tuple[str, Iterator[tuple[str, NodeLink]]]] = []
        entering: str | None = start
        while entering is not None or stack:
            if entering is not None:
                if entering in path:
                    ids = list(path)
                    return ids[ids.index(entering) :]
                if entering in graph and entering not in done:
                    path[entering] = None
                    stack.append((entering, links(graph[entering])))
            entering = None
            if stack:
                node_id, rest = stack[-1]
                following = next(rest, None)
                if following is None:
                    stack.pop()
                    path.pop(node_id)
                    done.add(node_id)
                else:
                    entering = following[1].node_id
    return []
