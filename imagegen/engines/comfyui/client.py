"""ComfyUI's routes, as one run uses them. Every call goes through the engine's own door."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from django.utils.translation import gettext as _

from imagegen import workflow
from imagegen.engines.base import EngineConfig, Run
from imagegen.engines.comfyui import failures
from imagegen.engines.comfyui.results import OutputFile
from imagegen.engines.params import merged
from imagegen.picture_request import InputPicture
from imagegen.pictures import EXTENSIONS
from providers import http
from providers.errors import GatewayError, NetworkError, ProviderError

if TYPE_CHECKING:
    from imagegen.engines.comfyui import ComfyUI

QUICK = http.Limits(connect=5, first_byte=30, idle=30, total=60, max_bytes=64 * 2**20)
FILES = http.Limits(connect=5, first_byte=120, idle=120, total=600, max_bytes=256 * 2**20)  # uploads and pictures


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """Where a prompt is in the queue; `before_us` counts what runs as well."""

    prompt_id: str
    client_id: str
    running: bool
    before_us: int
    raw_graph: Any = field(default=None, repr=False)

    def graph(self) -> workflow.Graph:
        """What was queued; empty when the server does not show it."""
        return workflow.parse(self.raw_graph) if isinstance(self.raw_graph, dict) and self.raw_graph else {}


class Client:
    """One server. With a run its calls end when the run is cancelled; without one they stand alone."""

    def __init__(self, engine: "ComfyUI", config: EngineConfig, run: Run | None = None) -> None:
        self.engine = engine
        self.config = config
        self.run = run

    def _call(self, method: str, path: str, limits: http.Limits = QUICK, **body: Any) -> http.BlockingResponse:
        config = replace(self.config, limits=limits)
        return self.engine.call(config, self.run, method, self.config.url + path, **body)

    def _object(self, path: str) -> dict[str, Any]:
        answer = self._call("GET", path).json()
        if not isinstance(answer, dict):
            raise ProviderError(_("The server's answer cannot be understood."), code="invalid_answer")
        return answer

    @contextmanager
    def socket(self, client_id: str) -> Iterator[http.WebSocket]:
        """The event socket of this client id; a cancelled run closes it."""
        config = replace(self.config, limits=http.Limits(connect=QUICK.connect))
        with (
            self.engine.calling(config, self.run) as options,
            http.websocket(
                f"{config.url}/ws?clientId={quote(client_id)}", headers=self.engine.headers(config), **options
            ) as socket,
        ):
            yield socket

    # --- the queue ---

    def post(
        self, graph: workflow.Graph, nodes: Sequence[workflow.NodeValue], prompt_id: str, client_id: str
    ) -> dict[str, Any]:
        """Queue the graph; the server's answer. Raises what the server says against the workflow, node by node.

        When the answer is lost, the server is asked whether it has the prompt before anything is sent again: the same
        id posted twice runs twice.
        """
        body = {
            "prompt": graph,
            "prompt_id": prompt_id,
            "client_id": client_id,
            "extra_data": {"preview_method": "auto"},  # servers that know it are silent otherwise
        }
        body = merged(body, self.config.params)
        try:
            return self._posted(body, graph, nodes)
        except NetworkError as lost:
            try:
                queued = self.queue_entry(prompt_id, client_id)
                known = queued or self.history(prompt_id)
            except GatewayError:
                raise lost from None
        return {"prompt_id": queued.prompt_id if queued else prompt_id} if known else self._posted(body, graph, nodes)

    def _posted(
        self, body: Mapping[str, Any], graph: workflow.Graph, nodes: Sequence[workflow.NodeValue]
    ) -> dict[str, Any]:
        config = replace(self.config, limits=QUICK)
        with self.engine.calling(config, self.run) as options:
            headers = self.engine.headers(config)
            answer = http.request("POST", f"{config.url}/prompt", headers=headers, json=body, **options)
        if answer.status >= 400:
            raise failures.refusal(answer, graph, nodes)
        posted = answer.json()
        if not isinstance(posted, dict) or not isinstance(posted.get("prompt_id"), str):
            raise ProviderError(_("The server's answer names no prompt."), code="invalid_answer")
        return posted

    def queue_entry(self, prompt_id: str, client_id: str = "") -> QueueEntry | None:
        """Where the prompt is; None when the queue does not have it (any more).

        Servers that give ids of their own are asked by client id. Items differ in length between versions, and the
        pending ones come in heap order.
        """
        queue = self._object("/queue")
        running, pending = _items(queue.get("queue_running")), _items(queue.get("queue_pending"))
        waiting = sorted(pending, key=lambda item: item[0] if isinstance(item[0], int | float) else 0)
        for before_us, item in enumerate([*running, *waiting]):
            extra = item[3] if len(item) > 3 and isinstance(item[3], Mapping) else {}
            client = str(extra.get("client_id") or "")
            if item[1] == prompt_id or (client_id and client == client_id):
                is_running = before_us < len(running)
                raw_graph = item[2] if len(item) > 2 else None
                return QueueEntry(str(item[1]), client, is_running, 0 if is_running else before_us, raw_graph)
        return None

    def history(self, prompt_id: str) -> dict[str, Any]:
        """The entry of a prompt that has ended, however; empty for unknown, pending and running ones."""
        entry = self._object(f"/history/{quote(prompt_id)}").get(prompt_id)
        return entry if isinstance(entry, dict) else {}

    def delete(self, prompt_id: str) -> None:
        """Take a pending prompt out of the queue; nothing happens to any other."""
        self._call("POST", "/queue", json={"delete": [prompt_id]})

    def interrupt(self, prompt_id: str) -> None:
        """Break off this prompt. Old servers do not look at the id and break off whatever runs: look first."""
        self._call("POST", "/interrupt", json={"prompt_id": prompt_id})

    def free(self) -> None:
        """Make room on the graphics card."""
        self._call("POST", "/free", json={"unload_models": True, "free_memory": True})

    # --- files ---

    def upload(self, picture: InputPicture) -> str:
        """Put an input picture there; the name that LoadImage takes. The server may choose another than ours."""
        return self._upload("/upload/image", picture.content, picture.content_type, {"type": "input"})

    def upload_mask(self, mask: bytes, onto: str) -> str:
        """Give the uploaded picture `onto` the mask's transparency; the name of the new picture."""
        subfolder, _slash, filename = onto.rpartition("/")
        original = {"filename": filename, "subfolder": subfolder, "type": "input"}
        data = {"type": "input", "original_ref": orjson.dumps(original).decode()}
        return self._upload("/upload/mask", mask, "image/png", data)

    def _upload(self, path: str, content: bytes, content_type: str, data: Mapping[str, str]) -> str:
        # Files are never cleaned up there, and a name that is taken would be changed: one nobody else has.
        name = f"webui-{uuid.uuid4().hex}.{EXTENSIONS.get(content_type, 'png')}"
        files = {"image": (name, content, content_type)}
        answer = self._call("POST", f"/api{path}", FILES, files=files, data=data).json()
        if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
            raise ProviderError(_("The server does not say where it put the picture."), code="invalid_answer")
        return "/".join(filter(None, (str(answer.get("subfolder") or ""), answer["name"])))

    def view(self, file: OutputFile) -> bytes:
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        return self._call("GET", "/view", FILES, params=params).content

    # --- discovery ---

    def object_info(self, class_type: str = "") -> dict[str, Any]:
        """What is installed: every node class, or one (empty when it is not there)."""
        return self._object(f"/object_info/{quote(class_type, safe='')}" if class_type else "/object_info")

    def version(self) -> str:
        system = self._object("/system_stats").get("system")
        return str(system.get("comfyui_version") or "") if isinstance(system, Mapping) else ""


def _items(listed: object) -> list[list[Any]]:
    return [item for item in listed if isinstance(item, list) and len(item) > 1] if isinstance(listed, list) else []
