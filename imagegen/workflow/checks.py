"""Checks of a graph and its node map, before a picture is drawn with them.

Codes are the server's own where it has one, so that both sides report a problem alike. `fatal` problems end in an
error, the others in a picture that is not the requested one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen.workflow import guesses, stock
from imagegen.workflow.graph import Graph, cycle, in_order, link_of, title, upstream
from imagegen.workflow.installed import WIDGET_TYPES, Input, Installed
from imagegen.workflow.node_map import NodeValue, kinds, mapped
from providers.sentences import sentence as _


@dataclass(frozen=True, slots=True)
class GraphProblem:
    code: str
    message: str
    node_id: str = ""
    input_name: str = ""
    fatal: bool = True


def check(graph: Graph, nodes: Sequence[NodeValue] = (), installed: Installed | None = None) -> list[GraphProblem]:
    """Every problem, node by node. Without `installed`, only what the graph itself and stock nodes show.

    As on the server, the classes of all nodes are checked, inputs only of those that an output depends on.
    """
    problems = _classes(graph, installed)
    outputs = guesses.output_nodes(graph, installed)
    if not outputs and not problems:
        problems.append(
            GraphProblem("prompt_no_outputs", _("No node saves or shows a picture: add a Save Image node."))
        )
    if circle := cycle(graph):
        words = " → ".join(title(graph, node_id) for node_id in [*circle, circle[0]])
        problems.append(
            GraphProblem("dependency_cycle", _("These nodes depend on each other in a circle: %s.") % words, circle[0])
        )
    for node_id in in_order(upstream(graph, outputs)):
        problems.extend(_inputs(graph, node_id, nodes, installed))
    return problems + _map(graph, nodes, installed)


def _classes(graph: Graph, installed: Installed | None) -> list[GraphProblem]:
    if installed is None:
        return []
    return [
        GraphProblem(
            "missing_node_type",
            _("The node type %(type)s of %(node)s is not installed on the server.")
            % {"type": graph[node_id]["class_type"], "node": title(graph, node_id)},
            node_id,
        )
        for node_id in in_order(set(graph))
        if graph[node_id]["class_type"] not in installed
    ]


def _inputs(graph: Graph, node_id: str, nodes: Sequence[NodeValue], installed: Installed | None) -> list[GraphProblem]:
    node = graph[node_id]
    node_class = installed.get(node["class_type"]) if installed else None
    declared: Mapping[str, Input] = node_class.inputs if node_class else {}
    link_only = {name for name, spec in declared.items() if installed and _comes_by_link(spec, installed)}
    if node_class is None:
        link_only |= stock.LINK_INPUTS.get(node["class_type"], frozenset())
    filled = {line.key for line in nodes if node_id in line.node_ids}
    problems: list[GraphProblem] = []
    for name, value in node["inputs"].items():
        spec = declared.get(name)
        if link := link_of(value):
            problem = _link(graph, node_id, name, link, spec, installed)
        elif isinstance(value, list):
            message = _(
                "%(node)s: the list at %(name)s is not a link. A link is a node id in quotes and a number: [“4”, 0]."
            )
            problem = _problem(graph, node_id, name, "bad_linked_input", message)
        elif name in link_only:
            message = _("%(node)s: the input %(name)s takes a link to another node, not the value “%(value)s”.")
            problem = _problem(graph, node_id, name, "text_instead_of_link", message, value=_short(value))
        else:
            problem = _literal(graph, node_id, name, value, spec, overwritten=name in filled)
        if problem:
            problems.append(problem)
    for name, spec in declared.items():
        if spec.required and name not in node["inputs"] and name not in filled and not _is_dynamic(spec):
            problems.append(
                _problem(graph, node_id, name, "required_input_missing", _("%(node)s lacks its input %(name)s."))
            )
    return problems


def _link(
    graph: Graph, node_id: str, name: str, link: Any, spec: Input | None, installed: Installed | None
) -> GraphProblem | None:
    source = graph.get(link.node_id)
    if source is None:
        message = _("%(node)s: the input %(name)s comes from node %(source)s, which does not exist.")
        return _problem(graph, node_id, name, "unknown_link", message, source=link.node_id)
    source_class = installed.get(source["class_type"]) if installed else None
    if source_class is None:
        return None
    if not 0 <= link.output < len(source_class.outputs):
        message = _("%(node)s: the input %(name)s wants output %(output)d of %(source)s, which has %(count)d.")
        facts = {"output": link.output, "source": title(graph, link.node_id), "count": len(source_class.outputs)}
        return _problem(graph, node_id, name, "unknown_link", message, **facts)
    given = source_class.outputs[link.output]
    if spec is None or installed is None or _fits(given, spec.type, installed):
        return None
    message = _("%(node)s: the input %(name)s takes %(wanted)s, but %(source)s gives %(given)s.")
    facts = {"wanted": spec.type, "given": given, "source": title(graph, link.node_id)}
    return _problem(graph, node_id, name, "return_type_mismatch", message, **facts)


def _literal(
    graph: Graph, node_id: str, name: str, value: Any, spec: Input | None, *, overwritten: bool
) -> GraphProblem | None:
    if spec is None or (overwritten and name in ("image", "text")):
        return None  # replaced by the request's value
    if spec.type == "COMBO":
        # The list of pictures changes with every upload, and the server checks the file itself.
        if spec.choices is None or value in spec.choices or spec.options.get("image_upload"):
            return None
        message = _("%(node)s: %(value)s is not among what the server offers for %(name)s.")
        return _problem(graph, node_id, name, "value_not_in_list", message, fatal=not overwritten, value=_short(value))
    if spec.type in ("INT", "FLOAT"):
        number = _number(value)
        if number is None:
            message = _("%(node)s: the input %(name)s takes a number, not %(value)s.")
            return _problem(graph, node_id, name, "invalid_input_type", message, value=_short(value))
        low, high = _number(spec.options.get("min")), _number(spec.options.get("max"))
        if low is not None and number < low:
            message = _("%(node)s: %(value)s is too small for %(name)s, the minimum is %(bound)s.")
            return _problem(graph, node_id, name, "value_smaller_than_min", message, value=value, bound=low)
        if high is not None and number > high:
            message = _("%(node)s: %(value)s is too large for %(name)s, the maximum is %(bound)s.")
            return _problem(graph, node_id, name, "value_bigger_than_max", message, value=value, bound=high)
    return None


def _map(graph: Graph, nodes: Sequence[NodeValue], installed: Installed | None) -> list[GraphProblem]:
    problems: list[GraphProblem] = []
    for line in nodes:
        for node_id in line.node_ids:
            node = graph.get(node_id)
            if node is None:
                message = _("The node map names node %s, which the workflow does not have.") % node_id
                problems.append(GraphProblem("unknown_node", message, node_id, line.key))
                continue
            node_class = installed.get(node["class_type"]) if installed else None
            known = set(node["inputs"]) | set(node_class.inputs if node_class else ())
            if line.key not in known:
                message = _("%(node)s has no input %(name)s, which the node map fills.")
                problems.append(_problem(graph, node_id, line.key, "unknown_input", message, fatal=False))
            elif link_of(node["inputs"].get(line.key)):
                message = _("%(node)s: the node map replaces the link at %(name)s by a value.")
                problems.append(_problem(graph, node_id, line.key, "link_replaced", message, fatal=False))
    present = kinds(nodes)
    if "prompt" not in present:
        message = _("No node takes the prompt: every picture would show the workflow's own prompt.")
        problems.append(GraphProblem("prompt_not_mapped", message, fatal=False))
    if "seed" not in present:
        message = _("No node takes the seed: the same prompt would give the same picture again.")
        problems.append(GraphProblem("seed_not_mapped", message, fatal=False))
    problems.extend(_uncovered_pictures(graph, nodes, installed))
    return problems


def _uncovered_pictures(graph: Graph, nodes: Sequence[NodeValue], installed: Installed | None) -> list[GraphProblem]:
    covered = {node_id for kind in ("image", "mask") for node_id, _key in mapped(nodes, kind)}
    live = upstream(graph, guesses.output_nodes(graph, installed))
    message = _("%(node)s loads a fixed file from the server: the node map gives it no picture.")
    return [
        _problem(graph, node_id, "image", "picture_not_mapped", message, fatal=False)
        for node_id in in_order(live - covered)
        if graph[node_id]["class_type"] in stock.LOAD_IMAGE_CLASSES | stock.LOAD_MASK_CLASSES
    ]


# --- inputs and types -------------------------------------------------------------------------------------------------


def _comes_by_link(spec: Input, installed: Installed) -> bool:
    parts = {part.strip() for part in spec.type.split(",")}
    return bool(parts) and parts <= installed.link_types


def _is_dynamic(spec: Input) -> bool:
    """Whether the input stands for others (autogrow, dynamic choice), which the graph has under dotted names."""
    return spec.type.startswith("COMFY_")


def _fits(given: str, wanted: str, installed: Installed) -> bool:
    """Whether an output may go into an input. In doubt yes: the server decides.

    Types are compared only if some node produces each of them: custom nodes define types that compare in other ways.
    """
    if "*" in (given, wanted) or given == wanted:
        return True
    comparable = installed.link_types | WIDGET_TYPES
    gives, wants = ({part.strip() for part in kind.split(",")} for kind in (given, wanted))
    return bool(gives & wants) or not (gives | wants) <= comparable or "COMBO" in gives | wants


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _problem(
    graph: Graph, node_id: str, input_name: str, code: str, message: str, *, fatal: bool = True, **facts: Any
) -> GraphProblem:
    words = {"node": title(graph, node_id), "name": input_name, **facts}
    return GraphProblem(code, message % words, node_id, input_name, fatal)
