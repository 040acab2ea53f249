"""The protocol of AUTOMATIC1111 and Forge (`/sdapi/v1`), with the oddities of the real servers.

One generation at a time; a request goes on when its client has left; `progress` and `interrupt` are global; unknown
checkpoints and samplers are ignored in silence; an interrupted call answers 200. In a test::

    a1111 = upstream.automatic1111
    a1111.gates[5] = gate            # the run stands at step 5 of every round until the test opens the gate
    a1111.forge = True               # Forge's bodies, fields and its dropped connection after a 500
    a1111.auth = "user:pass"         # Basic, as --api-auth
    a1111.api = False                # started without --api
    a1111.web_ui = False             # --nowebui: no /internal routes
    a1111.fail(("OutOfMemoryError", "CUDA out of memory."))    # the next run ends so
    a1111.runs                       # what was drawn: Run(kind, asked, checkpoint, task, state)
"""

import asyncio
import base64
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.upstream.core import Protocol, Received
from tests.upstream.pictures import png
from tests.upstream.replies import RESET, Gate, Reply, in_json

BASE = r"(?P<base>(?:/[^/]+)*?)"
API = BASE + "/sdapi/v1"
FIRST_SAMPLER = "DPM++ 2M"
SAMPLERS = [FIRST_SAMPLER, "Euler a", "Euler"]


@dataclass
class Run:
    """One generation: what was asked, and how it went. `state` is queued, running, done, interrupted or failed."""

    kind: str  # txt2img or img2img
    asked: dict[str, Any]
    task: str
    checkpoint: str = ""
    state: str = "queued"
    step: int = 0
    steps: int = 0
    round: int = 0
    rounds: int = 1
    previews: list[bytes] = field(default_factory=list)


class Automatic1111(Protocol):
    routes: ClassVar = [
        ("*", API + "/(?P<name>.+)", "sdapi"),
        ("POST", BASE + "/internal/progress", "internal_progress"),
        ("GET", BASE + "/internal/pending-tasks", "pending_tasks"),
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.checkpoints: dict[str, str] = {"base": "base.safetensors [abcd1234]", "anime": "anime.safetensors"}
        self.options: dict[str, Any] = {"sd_model_checkpoint": "base.safetensors [abcd1234]"}
        self.forge = False
        self.api = True
        self.web_ui = True
        self.auth = ""
        self.gates: dict[int, Gate] = {}
        self.runs: list[Run] = []
        self.interrupted = False  # the global flag; stays up while idle
        self.running: Run | None = None
        self._failures: deque[tuple[str, str]] = deque()
        self._queue: asyncio.Lock | None = None
        self._dropped: Any = None  # the connection that Forge sent its last 500 on

    def fail(self, *failures: tuple[str, str]) -> None:
        """(exception class, message) for the next runs."""
        self._failures.extend(failures)

    # --- the door ---

    async def sdapi(self, received: Received) -> Reply:
        if self._dropped is not None and self._dropped is received.request.transport:
            return Reply(before=[RESET])
        if not self.api:
            return in_json({"detail": "Not Found"}, 404)
        if self.auth and received.headers.get("Authorization") != basic(self.auth):
            given = received.headers.get("Authorization")
            detail = "Incorrect username or password" if given else "Not authenticated"
            return self.http_exception(401, detail)
        name = received.params["name"]
        handler = getattr(self, f"{received.method.lower()}_{name.replace('-', '_')}", None)
        if handler is None:
            return self.http_exception(404, "Not Found")
        return await handler(received)

    async def get_sd_models(self, received: Received) -> Reply:
        return in_json(
            [
                {
                    "title": title,
                    "model_name": name,
                    "hash": None,
                    "sha256": None,
                    "filename": f"/models/{name}.safetensors",
                }
                for name, title in self.checkpoints.items()
            ]
        )

    async def get_options(self, received: Received) -> Reply:
        return in_json({"samples_format": "png", **self.options})

    async def post_options(self, received: Received) -> Reply:
        self.options.update(received.json)
        return in_json(None)

    async def get_samplers(self, received: Received) -> Reply:
        return in_json([{"name": name, "aliases": [], "options": {}} for name in SAMPLERS])

    async def get_schedulers(self, received: Received) -> Reply:
        return in_json([{"name": name, "label": name.title(), "aliases": None} for name in ("automatic", "karras")])

    async def get_latent_upscale_modes(self, received: Received) -> Reply:
        return in_json([{"name": "Latent"}])

    async def get_upscalers(self, received: Received) -> Reply:
        return in_json([{"name": "R-ESRGAN 4x+", "model_name": None, "model_path": None, "scale": 4}])

    async def get_embeddings(self, received: Received) -> Reply:
        return in_json({"loaded": {"easynegative": {"step": None, "vectors": 8}}, "skipped": {}})

    async def post_interrupt(self, received: Received) -> Reply:
        self.interrupted = True  # idle too: the next job takes it down again
        return in_json({})

    # --- drawing ---

    async def post_txt2img(self, received: Received) -> Reply:
        return await self.draw("txt2img", received)

    async def post_img2img(self, received: Received) -> Reply:
        return await self.draw("img2img", received)

    async def draw(self, kind: str, received: Received) -> Reply:
        asked = received.json
        if not isinstance(asked, dict):
            return self.unprocessable("body", "JSON decode error", received.body[:50].decode(errors="replace"))
        if not isinstance(asked.get("steps", 50), int):
            return self.unprocessable("steps", "value is not a valid integer", asked["steps"])
        if kind == "img2img" and not asked.get("init_images"):
            return self.http_exception(404, "Init image not found")
        if asked.get("script_name"):
            return self.http_exception(422, f"Script '{asked['script_name']}' not found")
        run = Run(kind, asked, asked.get("force_task_id") or f"task({len(self.runs)})")
        self.runs.append(run)
        # The run is not the request: it goes on when the client has left.
        reply = await asyncio.shield(asyncio.ensure_future(self._take_turn(run)))
        if self.forge and reply.status == 500:
            self._dropped = received.request.transport
        return reply

    async def _take_turn(self, run: Run) -> Reply:
        self._queue = self._queue or asyncio.Lock()
        async with self._queue:
            self.running, self.interrupted, run.state = run, False, "running"
            try:
                return await self._generate(run)
            except _Failed as failure:
                run.state = "failed"
                return self.exception(*failure.args)
            finally:
                self.running = None

    async def _generate(self, run: Run) -> Reply:
        asked = run.asked
        overrides = asked.get("override_settings") or {}
        for name in overrides:
            if name not in ("sd_model_checkpoint", "CLIP_stop_at_last_layers", "samples_format", "sd_vae"):
                raise _Failed("KeyError", f"'{name}'")
        wanted = overrides.get("sd_model_checkpoint", self.options["sd_model_checkpoint"])
        run.checkpoint = self.found(wanted) or self.found(self.options["sd_model_checkpoint"]) or "base"
        for name, value in overrides.items():
            if name != "sd_model_checkpoint":  # options that are not in the saved config are not put back
                self.options[name] = value
        if self.forge and asked.get("enable_hr") and asked.get("hr_additional_modules") is None:
            raise _Failed("TypeError", "'NoneType' object is not iterable")
        for text in asked.get("init_images") or []:
            decoded(text)
        if asked.get("mask"):
            decoded(asked["mask"])
        run.steps, run.rounds = int(asked.get("steps", 50)), int(asked.get("n_iter", 1))
        drawn = 0
        for index in range(run.rounds):
            run.round = index
            for step in range(1, run.steps + 1):
                run.step = step
                if gate := self.gates.get(step):
                    await gate.stand()
                await asyncio.sleep(0)
                if self._failures:
                    raise _Failed(*self._failures.popleft())
                if self.interrupted:
                    break
            drawn += int(asked.get("batch_size", 1))
            if self.interrupted:
                break
        run.state = "interrupted" if self.interrupted else "done"
        return in_json(self.answer(run, drawn))

    def answer(self, run: Run, drawn: int) -> dict[str, Any]:
        asked = run.asked
        width, height = (int(asked.get(side, 512)) // 8 * 8 for side in ("width", "height"))
        seed = asked.get("seed", -1) if asked.get("seed", -1) >= 0 else 1234
        total = int(asked.get("batch_size", 1)) * run.rounds
        pictures = [png(width, height, shade=seed + index) for index in range(drawn)]
        first = 0
        if asked.get("save_images") and total > 1:
            pictures.insert(0, png(width * 2, height))
            first = 1
        if self.forge and asked.get("alwayson_scripts"):
            pictures.append(png(8, 8))
        sampler = asked.get("sampler_name")
        info = {
            "seed": seed,
            "all_seeds": [seed + index for index in range(total)],
            "width": width,
            "height": height,
            "sampler_name": sampler if sampler in SAMPLERS else FIRST_SAMPLER if sampler else "Euler",
            "steps": run.steps,
            "sd_model_name": run.checkpoint,
            "index_of_first_image": first,
            "infotexts": [f"{asked.get('prompt')}\nSteps: {run.steps}, Seed: {seed}"] * total,
        }
        images = [base64.b64encode(one).decode() for one in pictures] if asked.get("send_images", True) else []
        return {"images": images, "parameters": {**asked, "init_images": None}, "info": json.dumps(info)}

    def found(self, wanted: str) -> str:
        """The checkpoint's name by name, title or file; exact, as the real one: anything else finds nothing."""
        for name, title in self.checkpoints.items():
            if wanted in (name, title, title.partition(" [")[0], f"/models/{name}.safetensors"):
                return name
        return ""

    # --- progress ---

    async def get_progress(self, received: Received) -> Reply:
        run = self.running
        state = {
            "skipped": False,
            "interrupted": self.interrupted,
            "stopping_generation": False,
            "job": f"scripts_{run.kind}" if run else "",
            "job_count": run.rounds if run else 0,
            "job_timestamp": "20261103101500",
            "job_no": run.round if run else 0,
            "sampling_step": run.step if run else 0,
            "sampling_steps": run.steps if run else 0,
        }
        wanted = received.query.get("skip_current_image") != "true"
        picture = base64.b64encode(png(16, 16)).decode() if run and wanted else None
        fraction = self.fraction(run)
        return in_json(
            {"progress": fraction, "eta_relative": 60.0, "state": state, "current_image": picture, "textinfo": None}
        )

    def internal_progress(self, received: Received) -> Reply:
        if not self.web_ui:
            return in_json({"detail": "Not Found"}, 404)
        asked = received.json
        run = next((one for one in reversed(self.runs) if one.task == asked["id_task"]), None)
        answer: dict[str, Any] = dict.fromkeys(("progress", "eta", "live_preview", "id_live_preview", "textinfo"))
        answer |= {"active": False, "queued": False, "completed": False, "textinfo": "Waiting..."}
        if run is None:
            return in_json(answer)
        if run.state == "queued":
            waiting = [one for one in self.runs if one.state == "queued"]
            answer |= {"queued": True, "textinfo": f"In queue: {waiting.index(run) + 1}/{len(waiting)}"}
        elif run.state == "running":
            answer |= {"active": True, "progress": self.fraction(run), "eta": 60.0, "textinfo": None}
            if asked.get("live_preview") and asked.get("id_live_preview") != run.step:
                picture = base64.b64encode(png(16, 16, shade=run.step)).decode()
                answer |= {"live_preview": f"data:image/png;base64,{picture}", "id_live_preview": run.step}
        else:
            answer |= {"completed": True, "textinfo": "Finished"}
        return in_json(answer)

    def pending_tasks(self, received: Received) -> Reply:
        waiting = [one.task for one in self.runs if one.state == "queued"]
        return in_json({"size": len(waiting), "tasks": waiting})

    @staticmethod
    def fraction(run: Run | None) -> float:
        return (run.round + (run.step - 1) / run.steps) / run.rounds if run and run.steps else 0.0

    # --- bodies of errors ---

    def exception(self, name: str, message: str) -> Reply:
        body = {"error": name, "detail": "", "body": ""}
        return in_json(body | ({"message": message} if self.forge else {"errors": message}), 500)

    def http_exception(self, status: int, detail: str) -> Reply:
        if self.forge:
            return in_json({"detail": detail}, status)
        return in_json({"error": "HTTPException", "detail": detail, "body": "", "errors": ""}, status)

    def unprocessable(self, name: str, message: str, given: Any) -> Reply:
        problem: dict[str, Any] = {"loc": ["body", name], "msg": message, "type": "type_error"}
        if self.forge:
            problem |= {"input": given, "url": "https://errors.pydantic.dev/2/v/int_type"}
        return in_json({"detail": [problem]}, 422)


class _Failed(Exception):
    """(class name, message) of what the real server would have raised."""


def basic(user_and_password: str) -> str:
    return "Basic " + base64.b64encode(user_and_password.encode()).decode()


def decoded(text: Any) -> bytes:
    """A picture of a request: bare base64 or a data URL."""
    if isinstance(text, str) and text.startswith(("http://", "https://")):
        raise _Failed("HTTPException", "Request to local resource not allowed")
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except (ValueError, AttributeError):
        raise _Failed("HTTPException", "Invalid encoded image") from None
