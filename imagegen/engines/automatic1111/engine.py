"""The engine: it draws, shows the progress of its own task, and stops it."""

import base64
import logging
import threading
import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy

from imagegen import parameters, pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import engine_fields, latents, own_servers
from imagegen.engines.automatic1111 import wire
from imagegen.engines.base import Engine, EngineConfig, EngineField, EngineFinding, ModelChoice, Run
from imagegen.engines.events import Event, Notice, Progress
from imagegen.image_request import ImageRequest
from providers import http
from providers.errors import BadRequest, ConfigurationError, GatewayError, NetworkError, ProviderError, UpstreamTimeout
from providers.process import waiting
from providers.sentences import counted as ngettext
from providers.sentences import sentence as _
from providers.upstream import kinds

logger = logging.getLogger(__name__)

DRAWING_SECONDS = 600.0  # without a byte, where no deadline is set: the server sends nothing while a call is queued
QUEUED_SECONDS = 1800.0  # how long a cancelled picture that is still in the server's queue is watched
QUICK = http.Limits(connect=5, first_byte=10, idle=10, total=20, max_bytes=32 * 2**20)  # progress, interrupt, lists


class Automatic1111(Engine):
    name = "automatic1111"
    label = gettext_lazy("AUTOMATIC1111 / Forge")
    help = gettext_lazy(
        "Start the server with --api, and with --api-auth user:password if others can reach it: with --nowebui and "
        "without --server-name it listens on all interfaces of its machine."
    )
    fields = (
        engine_fields.address("http://127.0.0.1:7860", required=True),
        EngineField(
            "secret",
            gettext_lazy("User and password"),
            gettext_lazy("As given to --api-auth: user:password. Empty when the server asks for none."),
            kind="secret",
        ),
        replace(
            engine_fields.MODEL,
            label=gettext_lazy("Checkpoint"),
            help=gettext_lazy("Loaded for each call and put back afterwards. Empty: the one that is loaded."),
        ),
        engine_fields.SIZE,
        engine_fields.STEPS,
        engine_fields.params(gettext_lazy('Fields of txt2img and img2img, merged last: {"sampler_name": "Euler a"}')),
        EngineField(
            "sole_user",
            gettext_lazy("Who else uses the server"),
            gettext_lazy(
                "A server started with --nowebui cannot say whose picture it draws. If nobody else uses it, cancelling "
                "stops whatever it draws."
            ),
            kind="choice",
            choices=(("", gettext_lazy("Others may use it")), ("yes", gettext_lazy("Only this site"))),
            option=True,
        ),
    )
    exclusive = True
    is_unnamed = True
    poll_seconds: ClassVar[float] = 1.0

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        params = tuple(parameters.TABLE[self.name])
        return Capabilities(edit=True, mask=True, negative_prompt=True, steps=True, seed=True, params=params)

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return name in wire.REQUEST_PARAMS

    # --- drawing ------------------------------------------------------------------------------------------------------

    def draw(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        checkpoint = self._checkpoint(config, request.model, run)
        body = wire.body_of(config, request, checkpoint)
        drawn = f"{body['width']}x{body['height']}"
        if request.size and request.size != drawn:
            yield latents.notice(drawn, request.size)
        try:
            response = yield from self._send(config, request, body, run)
        except ProviderError as error:
            if error.code != own_servers.OUT_OF_MEMORY[0] or body["batch_size"] == 1 or "batch_size" in config.params:
                raise
            yield Notice(_("The graphics card cannot hold all pictures at once: they are drawn one after the other."))
            body |= {"batch_size": 1, "n_iter": body["batch_size"] * body["n_iter"]}
            response = yield from self._send(config, request, body, run)
        yield from wire.pictures_of(response, body, checkpoint)

    def _send(
        self, config: EngineConfig, request: ImageRequest, body: Mapping[str, Any], run: Run
    ) -> Generator[Event, None, dict[str, Any]]:
        """The response to the drawing call, sent again when the connection broke before the server had read it."""
        task = f"task({run.id or 'webui'}-{uuid.uuid4().hex})"
        try:
            return (yield from self._send_as(task, config, request, body, run))
        except NetworkError as error:
            if isinstance(error, UpstreamTimeout) or not self._is_unheard_of(config, task):
                raise
        return (yield from self._send_as(f"{task}-again", config, request, body, run))

    def _send_as(
        self, task: str, config: EngineConfig, request: ImageRequest, body: Mapping[str, Any], run: Run
    ) -> Generator[Event, None, dict[str, Any]]:
        """Make the call in a second thread; meanwhile yield the task's progress."""
        url = f"{config.url}/sdapi/v1/{'img2img' if request.is_edit else 'txt2img'}"
        patience = run.remaining() or max(DRAWING_SECONDS, config.limits.first_byte or 0)
        config = replace(config, limits=replace(config.limits, first_byte=patience, idle=patience))
        call = Run(deadline=run.deadline)  # ends the call, also when this generator is closed early
        run.started(task)
        with ThreadPoolExecutor(1) as threads, run.on_cancel(call.cancel):
            posting = threads.submit(
                copy_context().run, self.call, config, call, "POST", url, json={**body, "force_task_id": task}
            )
            try:
                yield from self._watch(config, task, posting, run)
                run.check()
                return wire.decoded(waiting.for_future(posting))
            except BaseException as error:
                call.cancel()
                # Closing the connection does not stop the server, and a proxy that timed out has not told it.
                if not isinstance(error, ProviderError) or error.status == 504:
                    self._stop_or_log(config, task)
                if isinstance(error, UpstreamTimeout):
                    # A second attempt would wait behind the first in the server's queue.
                    raise UpstreamTimeout(error.text, retryable=False) from error
                raise

    def _watch(
        self, config: EngineConfig, task: str, posting: "Future[http.BlockingResponse]", run: Run
    ) -> Iterator[Progress]:
        best, preview_id = 0.0, -1
        while not waiting.is_done(posting, self.poll_seconds):
            run.check()
            try:
                seen = self._task(config, task, preview_id)
                if seen and seen.queued:
                    yield Progress(queue=seen.before_us)
                if seen and not seen.active:
                    continue
                # Without tasks the running picture may be somebody else's, which is not shown.
                running = self._progress(config, skip_picture=bool(seen) or not _is_sole_user(config))
            except GatewayError as error:
                logger.debug("No progress from the server: %s", error.text)
                continue
            if seen:
                fraction, preview, preview_id = seen.fraction, seen.preview, seen.preview_id
            else:
                fraction, preview = running.fraction, running.preview
            best = max(best, min(fraction or 0.0, 1.0))
            kind = pictures.sniff(preview) if preview else ""
            yield Progress(step=running.step, total=running.steps, fraction=best, preview=preview, preview_type=kind)

    def _task(self, config: EngineConfig, task: str, preview_id: int = -1) -> wire.Task | None:
        """The state of a task of ours; None where the server has no such route (--nowebui)."""
        body = {"id_task": task, "id_live_preview": preview_id, "live_preview": True}
        try:
            response = self._quick(config, "POST", "/internal/progress", json=body).json()
        except ProviderError as error:
            if error.status in (404, 405):
                return None
            raise
        return wire.task_of(response)

    def _is_unheard_of(self, config: EngineConfig, task: str) -> bool:
        """Whether the server answers and does not know the task: Forge may drop a connection that it has not read."""
        try:
            seen = self._task(config, task)
        except GatewayError:
            return False
        return seen is not None and not (seen.queued or seen.active or seen.completed)

    def _progress(self, config: EngineConfig, *, skip_picture: bool) -> wire.Running:
        """The server's current progress, whoever requested the picture."""
        params = {"skip_current_image": "true" if skip_picture else "false"}
        return wire.running_of(self._quick(config, "GET", "/sdapi/v1/progress", params=params).json())

    # --- stopping -----------------------------------------------------------------------------------------------------

    def cancel(self, config: EngineConfig, upstream_id: str) -> None:
        """Interrupt the task if it is the one that runs. The server cannot remove one from its queue: a thread waits
        for a task that is still queued and interrupts it when it begins.
        """
        if self._stop(config, upstream_id):
            name = f"stop {upstream_id[:20]}"
            threading.Thread(target=self._stop_later, args=(config, upstream_id), name=name, daemon=True).start()

    def _stop(self, config: EngineConfig, task: str) -> bool:
        """Interrupt the task if it runs, until the server confirms it; true when the task is still queued."""
        for _attempt in range(5):
            seen = self._task(config, task)
            if seen is None and not _is_sole_user(config):
                return False
            if seen and seen.queued:
                return True
            if seen and seen.completed:
                return False
            if seen is None or seen.active:
                self._quick(config, "POST", "/sdapi/v1/interrupt")
                running = self._progress(config, skip_picture=True)
                # A job that begins clears the flag, so an interrupt sent a moment too early is lost.
                if running.interrupted or not running.jobs:
                    return False
            waiting.sleep(0.1)  # the server may not have read the call yet
        return False

    def _stop_later(self, config: EngineConfig, task: str) -> None:
        ends = time.monotonic() + QUEUED_SECONDS
        try:
            while time.monotonic() < ends and self._stop(config, task):
                waiting.sleep(self.poll_seconds)
        except GatewayError as error:
            logger.warning("A cancelled picture could not be stopped on the server: %s", error.text)

    def _stop_or_log(self, config: EngineConfig, task: str) -> None:
        """`cancel` for a run that ends with an error: a failure is logged, so that it does not replace that error."""
        try:
            self.cancel(config, task)
        except GatewayError as error:
            logger.warning("The server could not be told to stop drawing: %s", error.text)

    # --- models, check, errors ----------------------------------------------------------------------------------------

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        """The checkpoints by `model_name`: a title changes once the server has hashed its file."""
        listed = self._quick(config, "GET", "/sdapi/v1/sd-models").json()
        if not isinstance(listed, list):
            raise ProviderError(_("The server's list of checkpoints cannot be understood."), code="invalid_answer")
        names = [entry.get("model_name") for entry in listed if isinstance(entry, dict)]
        return [ModelChoice(name, name) for name in names if isinstance(name, str)]

    def lists(self, config: EngineConfig) -> dict[str, list[str]]:
        """Samplers, schedulers, upscalers, LoRAs and embeddings. Old servers and those without an extension lack some.

        Raises as `call`, except for a list that is not there.
        """
        lists: dict[str, list[str]] = {}
        for name, paths in wire.LISTS.items():
            for path in paths:
                try:
                    listed = self._quick(config, "GET", f"/sdapi/v1/{path}").json()
                except ProviderError as error:
                    if error.status not in (404, 405, 500):
                        raise
                    continue
                lists[name] = [*lists.get(name, []), *wire.names_of(listed)]
        return lists

    def check(self, config: EngineConfig) -> EngineFinding:
        root, path, _rest = config.url.partition("/sdapi")
        if path:
            raise kinds.address_of_operation(config.url.removeprefix(root), root)
        count = len(self.models(config))
        if not count:
            raise ConfigurationError(
                _("The server answers, but it has no checkpoint. Put one into its folder of models."),
                code="model_not_found",
            )
        self._checkpoint(config, config.model, None)
        words = ngettext(
            "The server answers and has %(count)d checkpoint.",
            "The server answers and has %(count)d checkpoints.",
            count,
        )
        return EngineFinding(words % {"count": count})

    def _checkpoint(self, config: EngineConfig, wanted: str, run: Run | None) -> str:
        """The checkpoint's `model_name`; the server would ignore one that it does not have."""
        if not wanted:
            return ""
        listed = self.call(replace(config, limits=QUICK), run, "GET", f"{config.url}/sdapi/v1/sd-models").json()
        checkpoints = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        for checkpoint in checkpoints:
            title = str(checkpoint.get("title"))
            if wanted in (checkpoint.get("model_name"), title, title.partition(" [")[0], checkpoint.get("filename")):
                return str(checkpoint.get("model_name") or wanted)
        names = ", ".join(str(checkpoint.get("model_name")) for checkpoint in checkpoints[:20])
        sentence = _("The server has no checkpoint “%(name)s”. It has: %(names)s.") % {"name": wanted, "names": names}
        if wanted == config.model:
            raise ConfigurationError(sentence, code="model_not_found", param="model")
        raise BadRequest(sentence, code="model_not_found", param="model")

    def auth_headers(self, config: EngineConfig) -> dict[str, str]:
        if not config.secret:
            return {}
        if ":" not in config.secret:
            raise ConfigurationError(_("Write this engine's key as user:password."))
        return {"Authorization": f"Basic {base64.b64encode(config.secret.encode()).decode()}"}

    def error(self, response: http.BlockingResponse) -> ProviderError:
        return wire.error_of(response)

    def _quick(self, config: EngineConfig, method: str, path: str, **body: Any) -> http.BlockingResponse:
        return self.call(replace(config, limits=QUICK), None, method, config.url + path, **body)


def _is_sole_user(config: EngineConfig) -> bool:
    return config.options.get("sole_user") == "yes"
