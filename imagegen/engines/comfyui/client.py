"""ComfyUI's HTTP routes. Every call goes through `Engine.call` or its options."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson

from imagegen import workflow
from imagegen.engines.base import Engine, EngineConfig, Run
from imagegen.engines.comfyui import failures
from imagegen.engines.comfyui.results import OutputFile
from imagegen.engines.params import merged
from imagegen.image_request import InputPicture
from imagegen.pictures import EXTENSIONS
from providers import http
from providers.errors import GatewayError, NetworkError, ProviderError
from providers.sentences import sentence as _

QUICK = http.Limits(connect=5, first_byte=30, idle=30, total=60, max_bytes=64 * 2**20)
FILES = http.Limits(connect=5, first_byte=120, idle=120, total=600, max_bytes=256 * 2**20)  # uploads and pictures


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A prompt in the server's queue; `before_us` counts the running one too."""

    prompt_id: str
    client_id: str
    running: bool
    before_us: int
    raw_graph: Any = field(default=None, repr=False)

    def graph(self) -> workflow.Graph:
        """The queued graph; empty when the server does not send it."""
        return workflow.parse(self.raw_graph) if isinstance(self.raw_graph, dict) and self.raw_graph else {}


class ServerClient:
    """One server. With a run, its calls end when the run is cancelled."""

    def __init__(self, engine: Engine, config: EngineConfig, run: Run | None = None) -> None:
        self.engine = engine
        self.config = config
        self.run = run

    def _call(self, method: str, path: str, limits: http.Limits = QUICK, **body: Any) -> http.BlockingResponse:
        config = replace(self.config, limits=limits)
        return self.engine.call(config, self.run, method, self.config.url + path, **body)

    def _object(self, path: str) -> dict[str, Any]:
        response = self._call("GET", path).json()
        if not isinstance(response, dict):
            raise ProviderError(_("The server's answer cannot be understood."), code="invalid_answer")
        return response

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
        """Queue the graph; returns the server's response. Raises what the server refuses, node by node.

        When the response is lost, the queue is read before anything is sent again: an id that is posted twice runs
        twice.
        """
        body = {
            "prompt": graph,
            "prompt_id": prompt_id,
            "client_id": client_id,
            "extra_data": {"preview_method": "auto"},  # servers that know it send no previews otherwise
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
            response = http.request("POST", f"{config.url}/prompt", headers=headers, json=body, **options)
            if response.status >= 400:
                raise failures.refusal(response, graph, nodes)
        posted = response.json()
        if not isinstance(posted, dict) or not isinstance(posted.get("prompt_id"), str):
            raise ProviderError(_("The server's answer names no prompt."), code="invalid_answer")
        return posted

    def queue_entry(self, prompt_id: str, client_id: str = "") -> QueueEntry | None:
        """The prompt's entry in the queue; None when it is not, or no longer, in it.

        For servers that choose the prompt's id, the entry is found by the client's id. Items differ in length between
        versions, and pending ones come in heap order.
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
        """The entry of a prompt that has ended, well or not; empty for unknown, pending and running prompts."""
        entry = self._object(f"/history/{quote(prompt_id)}").get(prompt_id)
        return entry if isinstance(entry, dict) else {}

    def delete(self, prompt_id: str) -> None:
        """Remove a pending prompt from the queue; no effect on any other."""
        self._call("POST", "/queue", json={"delete": [prompt_id]})

    def interrupt(self, prompt_id: str) -> None:
        """Interrupt this prompt. Old servers ignore the id and interrupt whatever runs: read the queue first."""
        self._call("POST", "/interrupt", json={"prompt_id": prompt_id})

    def free(self) -> None:
        """Free memory of the graphics card."""
        self._call("POST", "/free", json={"unload_models": True, "free_memory": True})

    # --- files ---

    def upload(self, picture: InputPicture) -> str:
        """Upload an input picture; returns its name for LoadImage, which the server may have changed."""
        return self._upload("/upload/image", picture.content, picture.content_type, {"type": "input"})

    def upload_mask(self, mask: bytes, onto: str) -> str:
        """Give the uploaded picture `onto` the mask's transparency; returns the name of the new picture."""
        subfolder, _slash, filename = onto.rpartition("/")
        original = {"filename": filename, "subfolder": subfolder, "type": "input"}
        data = {"type": "input", "original_ref": orjson.dumps(original).decode()}
        return self._upload("/upload/mask", mask, "image/png", data)

    def _upload(self, path: str, content: bytes, content_type: str, data: Mapping[str, str]) -> str:
        # The server keeps uploads for ever and renames one whose name is taken: this name is unique.
        name = f"webui-{uuid.uuid4().hex}.{EXTENSIONS.get(content_type, 'png')}"
        files = {"image": (name, content, content_type)}
        response = self._call("POST", f"/api{path}", FILES, files=files, data=data).json()
        if not isinstance(response, dict) or not isinstance(response.get("name"), str):
            raise ProviderError(_("The server does not say where it put the picture."), code="invalid_answer")
        return "/".join(filter(None, (str(response.get("subfolder") or ""), response["name"])))

    def view(self, file: OutputFile) -> bytes:
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        return self._call("GET", "/view", FILES, params=params).content

    # --- discovery ---

    def object_info(self, class_type: str = "") -> dict[str, Any]:
        """The installed node classes: all, or one (empty when it is not installed)."""
        return self._object(f"/object_info/{quote(class_type, safe='')}" if class_type else "/object_info")

    def version(self) -> str:
        system = self._object("/system_stats").get("system")
        return str(system.get("comfyui_version") or "") if isinstance(system, Mapping) else ""


def _items(listed: object) -> list[list[Any]]:
    return [item for item in listed if isinstance(item, list) and len(item) > 1] if isinstance(listed, list) else []
