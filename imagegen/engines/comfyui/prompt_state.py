"""The state of one prompt, read from the frames of the event socket: progress, previews, end. No network."""

import struct
from collections.abc import Mapping
from typing import Any

from imagegen import pictures, workflow
from imagegen.engines.comfyui import failures
from imagegen.engines.events import Progress
from imagegen.engines.responses import number
from providers import json_bodies

PREVIEW, PREVIEW_WITH_METADATA = 1, 4  # kinds of binary frames
SAMPLING_WEIGHT = 20  # a sampler counts as so many other nodes, because it takes nearly all the time
HELLO = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}  # so that previews name their prompt


class PromptState:
    """One prompt. Frames may be lost, doubled, or belong to other prompts, which are ignored.

    The server throttles steps, so progress is `value / max` and never the number of frames. `share` is this prompt's
    part of a run of several: where it begins and how much it is, from 0 to 1.
    """

    def __init__(
        self, prompt_id: str, graph: workflow.Graph, outputs: set[str], share: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        self.prompt_id = prompt_id
        self.graph = graph
        self.weights = {
            node_id: SAMPLING_WEIGHT if "Sampler" in graph[node_id]["class_type"] else 1
            for node_id in workflow.upstream(graph, outputs)
        }
        self.started = self.ended = False
        self.queue_moved = False  # a `status` frame came; the reader of the queue resets this
        self.failure: Mapping[str, Any] | None = None  # the data of an execution_error
        self.interrupted = False
        self.pictures: list[bytes] = []  # final ones, of SaveImageWebsocket, which are not in history
        self._share = share
        self._done: set[str] = set()
        self._node = ""
        self._value, self._max = 0.0, 0.0
        self._best = 0.0
        self._knows_metadata = False
        self._step_was_ours = False

    @property
    def expects_pictures(self) -> bool:
        """Whether final pictures come over the socket alone."""
        return any(self._is_final(node_id) for node_id in self.weights)

    def read(self, message: str | bytes) -> Progress | None:
        """Read a frame; returns the progress that it brings. Frames that cannot be understood are ignored."""
        if isinstance(message, bytes):
            return self._binary(message)
        try:
            frame = json_bodies.parse_response(message)
        except ValueError:
            return None
        kind, data = (frame.get("type"), frame.get("data")) if isinstance(frame, dict) else (None, None)
        return self._event(str(kind), data) if isinstance(data, dict) else None

    # --- text ---

    def _event(self, kind: str, data: dict[str, Any]) -> Progress | None:
        if kind == "status":
            self.queue_moved = True
            return None
        if kind == "feature_flags":
            self._knows_metadata = bool(data.get("supports_preview_metadata"))
            return None
        ours = data.get("prompt_id") == self.prompt_id
        if kind == "progress":
            self._step_was_ours = ours
        reader = getattr(self, f"_on_{kind}", None)
        if not ours or reader is None:
            return None
        before = (self._best, self._value, self.started)
        self.started = True
        reader(data)
        fraction = self._fraction()
        return self._progress() if (fraction, self._value, self.started) != before else None

    def _on_execution_start(self, data: dict[str, Any]) -> None:
        pass  # `_event` has set `started`, which is all that it means

    def _on_execution_cached(self, data: dict[str, Any]) -> None:
        nodes = data.get("nodes")
        self._done.update(str(node_id) for node_id in (nodes if isinstance(nodes, list) else ()))

    def _on_executing(self, data: dict[str, Any]) -> None:
        if data.get("node") is None:
            self.ended = True
            return
        self._enter(str(data.get("display_node") or data["node"]))

    def _on_progress(self, data: dict[str, Any]) -> None:
        node = data.get("node")
        if node is not None and str(node) in self.graph:
            self._enter(str(node))
        self._value, self._max = number(data.get("value")) or 0.0, number(data.get("max")) or 0.0

    def _on_progress_state(self, data: dict[str, Any]) -> None:
        nodes = data.get("nodes")
        for node_id, facts in nodes.items() if isinstance(nodes, dict) else ():
            if not isinstance(facts, dict):
                continue
            shown = str(facts.get("display_node_id") or node_id)  # a node made by another counts as the other
            if facts.get("state") == "finished" and shown == str(node_id):
                self._done.add(shown)
            elif facts.get("state") == "running":
                self._enter(shown)
                self._value, self._max = number(facts.get("value")) or 0.0, number(facts.get("max")) or 0.0

    def _on_executed(self, data: dict[str, Any]) -> None:
        self._done.add(str(data.get("display_node") or data.get("node")))

    def _on_execution_success(self, data: dict[str, Any]) -> None:
        self._done.update(self.weights)  # not the end: history is written before `executing` without a node

    def _on_execution_error(self, data: dict[str, Any]) -> None:
        if not failures.is_only_a_report(data):
            self.failure = data

    def _on_execution_interrupted(self, data: dict[str, Any]) -> None:
        self.interrupted = True

    def _enter(self, node_id: str) -> None:
        if node_id != self._node:
            self._done.update({self._node} - {""})
            self._node, self._value, self._max = node_id, 0.0, 0.0

    # --- binary ---

    def _binary(self, message: bytes) -> Progress | None:
        """Previews, and the final pictures of SaveImageWebsocket, which look like previews of full size in PNG."""
        if len(message) < 8:
            return None
        kind, number = struct.unpack(">II", message[:8])
        node_id, picture = self._node, message[8:]
        if kind == PREVIEW_WITH_METADATA:
            try:
                facts = json_bodies.parse_response(message[8 : 8 + number])
            except ValueError:
                return None
            if not isinstance(facts, dict) or facts.get("prompt_id") != self.prompt_id:
                return None
            node_id, picture = str(facts.get("node_id") or ""), message[8 + number :]
        elif kind != PREVIEW:
            return None
        content_type = pictures.sniff(picture)
        if not content_type or self.ended or not self.started:
            return None
        if self._is_final(node_id) and content_type == "image/png":
            self.pictures.append(picture)
            return None
        # Without metadata a preview belongs to the last step reported, which may be another prompt's.
        if kind == PREVIEW and (self._knows_metadata or not self._step_was_ours):
            return None
        return self._progress(preview=picture, preview_type=content_type)

    def _is_final(self, node_id: str) -> bool:
        return node_id in self.graph and self.graph[node_id]["class_type"] == workflow.SAVE_IMAGE_WEBSOCKET

    # --- progress ---

    def _fraction(self) -> float:
        part = min(1.0, self._value / self._max) if self._max > 0 else 0.0
        done: float = sum(weight for node_id, weight in self.weights.items() if node_id in self._done)
        if self._node in self.weights and self._node not in self._done:
            done += self.weights[self._node] * part
        total = sum(self.weights.values())
        self._best = max(self._best, done / total if total else 0.0)
        return self._best

    def _progress(self, *, preview: bytes | None = None, preview_type: str = "") -> Progress:
        begin, width = self._share
        counted = self._max > 1
        return Progress(
            step=int(self._value) if counted else 0,
            total=int(self._max) if counted else 0,
            fraction=begin + width * self._fraction(),
            preview=preview,
            preview_type=preview_type,
        )
