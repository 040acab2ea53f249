"""ComfyUI graphs: parse, check, map nodes, fill in values. Pure functions; no network.

graph = workflow.parse(text)                              # ConfigurationError for other formats
nodes = workflow.read_nodes(row.nodes) or workflow.guess_nodes(graph)
problems = workflow.check(graph, nodes, workflow.Installed(object_info))
filled = workflow.fill(graph, nodes, {"prompt": "a boat", "seed": 7})
"""

from imagegen.workflow.checks import GraphProblem, check
from imagegen.workflow.graph import Graph, Node, NodeLink, link_of, links, parse, title, upstream
from imagegen.workflow.guesses import guess_nodes, mask_is_in_picture, output_nodes
from imagegen.workflow.installed import Installed
from imagegen.workflow.node_map import (
    DEFAULT_KEYS,
    NodeValue,
    current_value,
    fill,
    kinds,
    mapped,
    read_nodes,
)
from imagegen.workflow.stock import LOAD_IMAGE_CLASSES, SAVE_IMAGE_WEBSOCKET, Purpose, default_graph

__all__ = [
    "DEFAULT_KEYS",
    "LOAD_IMAGE_CLASSES",
    "SAVE_IMAGE_WEBSOCKET",
    "Graph",
    "GraphProblem",
    "Installed",
    "Node",
    "NodeLink",
    "NodeValue",
    "Purpose",
    "check",
    "current_value",
    "default_graph",
    "fill",
    "guess_nodes",
    "kinds",
    "link_of",
    "links",
    "mapped",
    "mask_is_in_picture",
    "output_nodes",
    "parse",
    "read_nodes",
    "title",
    "upstream",
]
