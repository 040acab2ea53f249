"""ComfyUI over HTTP and WebSocket: validation, a queue, one run at a time, history, files; old and new behaviour.

In a test::

    comfy = upstream.comfyui
    comfy.gates[2] = gate            # samplers stand at step 2 until the test opens the gate
    comfy.hold = gate                # nothing leaves the queue until the test opens the gate
    comfy.old = True                 # 0.3.64: no targeted interrupt, other error types, list-first choices
    comfy.previews = True            # binary frames while sampling
    comfy.fail(("torch.OutOfMemoryError", "Allocation on device"))    # the next run ends in execution_error
    comfy.drop_sockets(); comfy.restart()                             # lose the sockets; lose queue and history too
    comfy.silent = {"executing"}     # events that get lost on the way
    comfy.posted, comfy.history, comfy.pending, comfy.running         # what was asked, and what became of it

Events go out in the order of the contract; the history entry is written between `execution_success` and the closing
`executing` without a node.
"""

import asyncio
import contextlib
import io
import json
import struct
import uuid
from collections import deque
from typing import Any, ClassVar

from aiohttp import WSMsgType, web
from PIL import Image

from tests.upstream.comfyui import graph as graphs
from tests.upstream.comfyui.nodes import object_info
from tests.upstream.core import Protocol, Received
from tests.upstream.pictures import png
from tests.upstream.replies import Gate, Reply, in_bytes, in_json, in_text

BASE = r"(?P<base>(?:/[^/]+)*?)"
EMPTY = Reply(200)


class ComfyUI(Protocol):
    routes: ClassVar = [
        ("GET", BASE + "/ws", "socket"),
        ("POST", BASE + "/prompt", "post_prompt"),
        ("GET", BASE + "/prompt", "get_prompt"),
        ("GET", BASE + "/queue", "get_queue"),
        ("POST", BASE + "/queue", "post_queue"),
        ("POST", BASE + "/interrupt", "interrupt"),
        ("GET", BASE + "/history/(?P<id>[^/]+)", "get_history"),
        ("POST", BASE + "/upload/image", "upload_image"),
        ("POST", BASE + "/upload/mask", "upload_mask"),
        ("GET", BASE + "/view", "view"),
        ("GET", BASE + "/object_info", "get_object_info"),
        ("GET", BASE + "/object_info/(?P<class>.+)", "get_object_info"),
        ("GET", BASE + "/system_stats", "system_stats"),
        ("POST", BASE + "/free", "free"),
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.old = False
        self.previews = False
        self.metadata = True  # previews name their prompt, to clients that asked for it
        self.final_frame = 1  # the kind of frame in which SaveImageWebsocket sends its picture
        self.gates: dict[int, Gate] = {}
        self.hold: Gate | None = None
        self.silent: set[str] = set()
        self.posted: list[dict[str, Any]] = []
        self.pending: list[list[Any]] = []
        self.running: list[Any] | None = None
        self.history: dict[str, Any] = {}
        self.files: dict[tuple[str, str, str], bytes] = {("input", "", "example.png"): png(alpha=True)}
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._with_metadata: set[str] = set()
        self._failures: deque[tuple[str, str]] = deque()
        self._interrupted = False
        self._worker: asyncio.Task[None] | None = None
        self._drawn: dict[str, dict[str, Any]] = {}  # outputs by graph: the same graph runs nothing
        self._count = 0

    def fail(self, *failures: tuple[str, str]) -> None:
        """(exception type, message) for the next runs."""
        self._failures.extend(failures)

    @property
    def clients(self) -> set[str]:
        """Client ids whose sockets are open."""
        return set(self._sockets)

    def drop_sockets(self) -> None:
        """Cut every web socket, as a proxy or a short network fault does. Callable from any thread."""
        for socket in list(self._sockets.values()):
            loop, transport = socket._req.task.get_loop(), socket._req.transport  # type: ignore[union-attr]
            loop.call_soon_threadsafe(transport.abort)

    def restart(self) -> None:
        """The process ended and came back: nothing of queue and history is left."""
        self.pending.clear()
        self.history.clear()
        self.running = None
        if self._worker is not None:
            self._worker.get_loop().call_soon_threadsafe(self._worker.cancel)
        self.drop_sockets()

    # --- the socket ---

    async def socket(self, received: Received) -> web.StreamResponse | Reply:
        if "Origin" in received.headers:
            return Reply(403)
        socket = web.WebSocketResponse()
        await socket.prepare(received.request)
        client = received.query.get("clientId") or uuid.uuid4().hex
        self._sockets[client] = socket
        await self._send(socket, "status", {"status": self._status(), "sid": client})
        if self.running and self.running[3].get("client_id") == client:
            await self._send(socket, "executing", {"node": self.running[5]})  # without prompt_id, as the real one
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                flags = json.loads(message.data)
                if self.metadata and flags.get("type") == "feature_flags":
                    self._with_metadata.add(client)
                    await self._send(socket, "feature_flags", {"supports_preview_metadata": True})
        self._sockets.pop(client, None)  # the new registration of a reused id, too: as the real one
        return socket

    async def _send(self, socket: web.WebSocketResponse, kind: str, data: dict[str, Any]) -> None:
        if kind not in self.silent:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await socket.send_str(json.dumps({"type": kind, "data": data}))

    async def _emit(self, kind: str, data: dict[str, Any], *, to_all: bool = False) -> None:
        """Send an event to the client of the running prompt; `status`, and steps of prompts without a client, to
        everybody.
        """
        client = self.running[3].get("client_id") if self.running else None
        for one, socket in list(self._sockets.items()):
            if kind == "status" or one == client or (to_all and client is None):
                await self._send(socket, kind, data)

    def _status(self) -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": len(self.pending) + (self.running is not None)}}

    # --- the queue ---

    def post_prompt(self, received: Received) -> Reply:
        if "Origin" in received.headers or received.headers.get("Sec-Fetch-Site") == "cross-site":
            return Reply(403)
        body = received.json
        if not isinstance(body, dict):
            return in_text("500 Internal Server Error\n\nServer got itself in trouble", 500)
        self.posted.append(body)
        graph = body.get("prompt")
        if graph is None:
            return in_json({"error": graphs.error("no_prompt", "No prompt provided"), "node_errors": {}}, 400)
        if not isinstance(graph, dict) or any(not isinstance(node, dict) for node in graph.values()):
            return in_text("500 Internal Server Error\n\nServer got itself in trouble", 500)
        prompt_id = body.get("prompt_id") or str(uuid.uuid4())
        if not self.old and not graphs.is_uuid(prompt_id):
            return in_json({"error": graphs.error("invalid_prompt_id", "Invalid prompt_id"), "node_errors": {}}, 400)
        problem, outputs, node_errors = graphs.validate(graph, self.info(), self.inputs(), old=self.old)
        if problem:
            return in_json({"error": problem, "node_errors": node_errors}, 400)
        self._count += 1
        number = -self._count if body.get("front") else body.get("number", self._count)
        extra = {**body.get("extra_data", {})} | ({"client_id": body["client_id"]} if "client_id" in body else {})
        # The sixth member is ours: the node under way.
        self.pending.insert(0, [number, prompt_id, graph, extra, outputs, None])  # heap order, not by number
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._work())
        return in_json({"prompt_id": prompt_id, "number": number, "node_errors": node_errors})

    def get_prompt(self, received: Received) -> Reply:
        return in_json(self._status())

    def get_queue(self, received: Received) -> Reply:
        running = [self.running[:5]] if self.running else []
        return in_json({"queue_running": running, "queue_pending": [item[:5] for item in self.pending]})

    def post_queue(self, received: Received) -> Reply:
        asked = received.json
        gone = set(asked.get("delete", ()))
        self.pending = [item for item in self.pending if item[1] not in gone and not asked.get("clear")]
        return EMPTY

    def interrupt(self, received: Received) -> Reply:
        wanted = (received.json or {}).get("prompt_id")
        if self.running and (self.old or wanted is None or self.running[1] == wanted):
            self._interrupted = True
        return EMPTY

    def get_history(self, received: Received) -> Reply:
        entry = self.history.get(received.params["id"])
        return in_json({received.params["id"]: entry} if entry else {})

    def free(self, received: Received) -> Reply:
        return EMPTY

    async def _work(self) -> None:
        while self.pending:
            if self.hold is not None:
                await self.hold.stand()
            if not self.pending:
                return
            self.running = min(self.pending, key=lambda item: item[0])
            self.pending.remove(self.running)
            self._interrupted = False
            await self._emit("status", {"status": self._status()})
            await self._execute(self.running)

    async def _execute(self, item: list[Any]) -> None:
        _number, prompt_id, graph, extra, outputs, _node = item
        messages: list[Any] = []

        async def tell(kind: str, **data: Any) -> None:
            data |= {"prompt_id": prompt_id, "timestamp": 1795000000000}
            messages.append([kind, data])
            await self._emit(kind, data)

        await tell("execution_start")
        result: dict[str, Any] = {}
        status = "success"
        known = json.dumps(graph, sort_keys=True)
        cached = known in self._drawn and "SaveImageWebsocket" not in known
        await tell("execution_cached", nodes=list(graph) if cached else [])
        try:
            if cached:
                result = self._drawn[known]
                for node_id, output in result.items():
                    await self._emit("executed", {"node": node_id, "output": output, "prompt_id": prompt_id})
            else:
                await self._run(item, graph, outputs, result)
                self._drawn[known] = result
            await tell("execution_success")
        except graphs.Interrupted as stop:
            status = "error"
            facts = {"node_id": stop.node_id, "node_type": graph[stop.node_id]["class_type"], "executed": []}
            await tell("execution_interrupted", **facts)
        except graphs.Failed as failure:
            status = "error"
            await tell("execution_error", **failure.data(graph))
        self.history[prompt_id] = {
            "prompt": [item[0], prompt_id, graph, extra, outputs],
            "outputs": result,
            "status": {"status_str": status, "completed": status == "success", "messages": messages},
            "meta": {},
        }
        item[5] = None
        await self._emit("status", {"status": self._status()})
        await self._emit("executing", {"node": None, "prompt_id": prompt_id})
        self.running = None

    async def _run(self, item: list[Any], graph: Any, outputs: list[str], result: dict[str, Any]) -> None:
        values: dict[str, Any] = {}
        for node_id in graphs.in_order(graph, outputs):
            node = graph[node_id]
            item[5] = node_id
            facts = {"node": node_id, "display_node": node_id, "prompt_id": item[1]}
            await self._emit("executing", facts)
            await self._state(item, node_id, 0, 1, "running")
            if self._failures and "Sampler" in node["class_type"]:
                raise graphs.Failed(node_id, *self._failures.popleft())
            if node["class_type"] in graphs.SAMPLERS:
                await self._sample(item, node_id, graphs.steps_of(graph, node))
            try:
                values[node_id] = graphs.value_of(node_id, graph, values, self.inputs())
            except (KeyError, TypeError, ValueError) as error:
                raise graphs.Failed(node_id, type(error).__name__, str(error)) from error
            if node["class_type"] == "SaveImageWebsocket":
                for picture in values[node_id]:
                    await self._emit("progress", {"value": 0, "max": 1, "node": node_id, "prompt_id": item[1]})
                    await self._picture(picture, "PNG", node_id, item[1])
            elif node["class_type"] in ("SaveImage", "PreviewImage"):
                result[node_id] = self._save(node, values[node_id])
                await self._emit("executed", {**facts, "output": result[node_id]})
            await asyncio.sleep(0)

    async def _sample(self, item: list[Any], node_id: str, steps: int) -> None:
        for step in range(1, steps + 1):
            if gate := self.gates.get(step):
                await gate.stand()
            await asyncio.sleep(0)
            if self._interrupted:
                raise graphs.Interrupted(node_id)
            if self.previews:
                await self._picture(png(16, 16, shade=step), "JPEG", node_id, item[1], metadata_only=True)
            if self.old or self.previews or step in (1, steps) or step in self.gates:  # new: throttled
                facts = {"value": step, "max": steps, "prompt_id": item[1], "node": node_id}
                await self._emit("progress", facts, to_all=True)
                await self._state(item, node_id, step, steps, "running")
            if self.previews:
                await self._picture(png(16, 16, shade=step), "JPEG", node_id, item[1], plain_only=True)

    async def _state(self, item: list[Any], node_id: str, value: int, most: int, state: str) -> None:
        node = {"value": value, "max": most, "state": state, "node_id": node_id, "prompt_id": item[1]}
        node |= {"display_node_id": node_id, "real_node_id": node_id, "parent_node_id": None}
        await self._emit("progress_state", {"prompt_id": item[1], "nodes": {node_id: node}}, to_all=True)

    async def _picture(
        self,
        data: bytes,
        form: str,
        node_id: str,
        prompt_id: str,
        *,
        metadata_only: bool = False,
        plain_only: bool = False,
    ) -> None:
        """A binary frame: type 4 to sockets that announced it, type 1 to the others."""
        client = self.running[3].get("client_id") if self.running else None
        if form == "JPEG":
            out = io.BytesIO()
            Image.open(io.BytesIO(data)).convert("RGB").save(out, "JPEG")
            data = out.getvalue()
        for one, socket in list(self._sockets.items()):
            if client not in (None, one):
                continue
            if one in self._with_metadata and (form == "JPEG" or self.final_frame == 4):
                if plain_only:
                    continue
                facts = json.dumps({"node_id": node_id, "prompt_id": prompt_id, "image_type": "image/jpeg"}).encode()
                frame = struct.pack(">II", 4, len(facts)) + facts + data
            else:
                if metadata_only:
                    continue
                frame = struct.pack(">II", 1, 1 if form == "JPEG" else 2) + data
            with contextlib.suppress(ConnectionError, RuntimeError):
                await socket.send_bytes(frame)

    # --- files ---

    def inputs(self) -> dict[str, bytes]:
        """Pictures that LoadImage can name: `name` or `subfolder/name`."""
        return {
            "/".join(filter(None, (subfolder, name))): data
            for (kind, subfolder, name), data in self.files.items()
            if kind == "input"
        }

    def _save(self, node: dict[str, Any], pictures: list[bytes]) -> dict[str, Any]:
        kind = "temp" if node["class_type"] == "PreviewImage" else "output"
        *folders, prefix = str(node["inputs"].get("filename_prefix") or "ComfyUI").split("/")
        entries = []
        for data in pictures:
            name = f"{prefix}_{sum(1 for one in self.files if one[0] == kind) + 1:05}_.png"
            self.files[(kind, "/".join(folders), name)] = data
            entries.append({"filename": name, "subfolder": "/".join(folders), "type": kind})
        return {"images": entries}

    def upload_image(self, received: Received) -> Reply:
        if not received.files or not received.files[0].filename:
            return Reply(400)
        return self._keep(received, received.files[0].data)

    def upload_mask(self, received: Received) -> Reply:
        ref = json.loads(received.fields["original_ref"])
        original = self.files.get((ref.get("type", "input"), ref.get("subfolder", ""), ref["filename"]))
        if original is None:
            return Reply(400)
        with Image.open(io.BytesIO(original)) as picture, Image.open(io.BytesIO(received.files[0].data)) as mask:
            if picture.size != mask.size:
                return in_text("500 Internal Server Error", 500)
            joined = picture.convert("RGBA")
            joined.putalpha(mask.convert("RGBA").getchannel("A"))
            out = io.BytesIO()
            joined.save(out, "PNG")
        return self._keep(received, out.getvalue())

    def _keep(self, received: Received, data: bytes) -> Reply:
        kind, subfolder = received.fields.get("type", "input"), received.fields.get("subfolder", "")
        name = received.files[0].filename or ""
        stem, _dot, suffix = name.rpartition(".")
        count = 0
        while self.files.get((kind, subfolder, name), data) != data and received.fields.get("overwrite") != "true":
            count += 1
            name = f"{stem} ({count}).{suffix}"
        self.files[(kind, subfolder, name)] = data
        return in_json({"name": name, "subfolder": subfolder, "type": kind})

    def view(self, received: Received) -> Reply:
        query = received.query
        data = self.files.get((query.get("type", "output"), query.get("subfolder", ""), query.get("filename", "")))
        return Reply(404) if data is None else in_bytes(data, "image/png")

    # --- discovery ---

    def info(self) -> dict[str, Any]:
        return object_info(old=self.old, pictures=sorted(self.inputs()))

    def get_object_info(self, received: Received) -> Reply:
        wanted = received.params.get("class")
        info = self.info()
        return in_json(info if wanted is None else {wanted: info[wanted]} if wanted in info else {})

    def system_stats(self, received: Received) -> Reply:
        return in_json({"system": {"comfyui_version": "0.3.64" if self.old else "0.33.0"}, "devices": []})
