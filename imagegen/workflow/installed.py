"""The node classes that a ComfyUI server has installed: its response to `GET /object_info`, in both of its forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Types whose value is entered at the node; every other type comes over a link.
WIDGET_TYPES = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    type: str  # "COMBO" for a choice; several types joined by commas; "*" for any
    required: bool
    choices: tuple[Any, ...] | None = None  # None for other types, and where the server lists none
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeClass:
    name: str
    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    is_output: bool  # SaveImage, PreviewImage …: the server runs these, and what they depend on


class Installed:
    """The node classes of one server. Each is parsed when it is first needed: there are hundreds."""

    def __init__(self, object_info: Mapping[str, Any]) -> None:
        self._raw = object_info
        self._read: dict[str, NodeClass] = {}

    def __contains__(self, name: str) -> bool:
        return isinstance(self._raw.get(name), Mapping)

    def get(self, name: str) -> NodeClass | None:
        if name not in self._read and name in self:
            self._read[name] = _node_class(name, self._raw[name])
        return self._read.get(name)

    @cached_property
    def link_types(self) -> frozenset[str]:
        """Types that some node produces and that cannot be entered: a plain value for one is a mistake."""
        produced = {
            kind
            for raw in self._raw.values()
            if isinstance(raw, Mapping)
            for kind in _list(raw.get("output"))
            if isinstance(kind, str)
        }
        return frozenset(produced - WIDGET_TYPES - {"*"})

    def choices(self, class_type: str, input_name: str) -> tuple[str, ...]:
        """The texts offered for one input; empty when the class, the input or its list is missing."""
        node_class = self.get(class_type)
        spec = node_class.inputs.get(input_name) if node_class else None
        return tuple(choice for choice in (spec.choices or ()) if isinstance(choice, str)) if spec else ()

    def model_choices(self, class_type: str, input_name: str = "") -> tuple[str, ...]:
        """The models a loader offers: of the named input, else of its first required input with `_name` in it."""
        if input_name and (named := self.choices(class_type, input_name)):
            return named
        node_class = self.get(class_type)
        for candidate in node_class.inputs.values() if node_class else ():
            if candidate.required and "_name" in candidate.name:
                return self.choices(class_type, candidate.name)
        return ()


def _node_class(name: str, raw: Mapping[str, Any]) -> NodeClass:
    inputs: dict[str, Input] = {}
    groups = raw.get("input")
    for group in ("required", "optional"):
        members = groups.get(group) if isinstance(groups, Mapping) else None
        for input_name, spec in members.items() if isinstance(members, Mapping) else ():
            inputs[input_name] = _input(input_name, spec, required=group == "required")
    # A choice as an output is written as the list of its texts.
    outputs = tuple(kind if isinstance(kind, str) else "COMBO" for kind in _list(raw.get("output")))
    return NodeClass(name, inputs, outputs, bool(raw.get("output_node")))


def _input(name: str, spec: object, *, required: bool) -> Input:
    """`[["a", "b"], {…}]` (list first) or `["COMBO", {"options": ["a", "b"]}]`, or `["INT", {"min": 1}]`."""
    parts = _list(spec)
    kind = parts[0] if parts else "*"
    options = parts[1] if len(parts) > 1 and isinstance(parts[1], Mapping) else {}
    if isinstance(kind, list):
        return Input(name, "COMBO", required, tuple(kind), options)
    if kind == "COMBO":
        offered = options.get("options")
        return Input(name, "COMBO", required, tuple(offered) if isinstance(offered, list) else None, options)
    return Input(name, str(kind), required, None, options)


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []
