"""The engine: it queues a graph, waits for its end, fetches the pictures, and stops its own prompts."""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy

from imagegen import pictures, workflow
from imagegen.capabilities import Capabilities
from imagegen.engines import checking, engine_fields, latents, own_servers
from imagegen.engines.base import Engine, EngineConfig, EngineField, EngineFinding, ModelChoice, Run
from imagegen.engines.comfyui import failures, plan, results
from imagegen.engines.comfyui.client import ServerClient
from imagegen.engines.comfyui.event_socket import EventSocket
from imagegen.engines.comfyui.plan import Plan
from imagegen.engines.comfyui.prompt_state import PromptState
from imagegen.engines.comfyui.wait import wait
from imagegen.engines.events import Event, Notice, Picture
from imagegen.image_request import ImageRequest
from providers import http
from providers.errors import ConfigurationError, GatewayError, ProviderError
from providers.process.waiting import sleep
from providers.sentences import counted as ngettext
from providers.sentences import joined
from providers.sentences import sentence as _

logger = logging.getLogger(__name__)

STOP_PAUSES = (0.05, 0.1, 0.2, 0.0)  # seconds after each attempt
EXAMPLE = "A red kite"  # the prompt of a check; nothing is drawn
MOST_PROBLEMS = 5  # named in one error


class ComfyUI(Engine):
    name = "comfyui"
    label = gettext_lazy("ComfyUI")
    help = gettext_lazy(
        "Paste a workflow in the API format (Workflow → Export (API)). Without one, a plain graph for Stable Diffusion "
        "checkpoints is used. ComfyUI asks for no key by itself: put a proxy in front if others can reach it."
    )
    fields = (
        engine_fields.address("http://127.0.0.1:8188", required=True),
        replace(
            engine_fields.API_KEY, help=gettext_lazy("Sent as a Bearer token, for the proxy in front of the server.")
        ),
        EngineField("workflow", gettext_lazy("Workflow"), gettext_lazy("In the API format."), kind="json"),
        EngineField(
            "nodes",
            gettext_lazy("Node map"),
            gettext_lazy(
                'Which value goes where: [{"type": "prompt", "node_ids": ["6"], "key": "text"}]. Types: model, prompt, '
                "negative_prompt, width, height, n, steps, seed, image, mask; without a type the value itself. Empty: "
                "mapped automatically."
            ),
            kind="json",
        ),
        EngineField(
            "output_nodes",
            gettext_lazy("Output nodes"),
            gettext_lazy("Ids with commas. Empty: all nodes that save pictures."),
            option=True,
        ),
        engine_fields.MODEL,
        engine_fields.SIZE,
        engine_fields.STEPS,
        engine_fields.params(gettext_lazy('Further members of the queued prompt, for example {"front": true}.')),
    )
    resumable = True
    poll_seconds: ClassVar[float] = 2.0  # between requests for queue and history, while the socket is silent or closed
    reopen_seconds: ClassVar[float] = 5.0  # before a lost socket is tried again

    # --- what can be said ---------------------------------------------------------------------------------------------

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        try:
            return plan.capabilities_of(plan.plan_of(config))
        except ConfigurationError:
            return Capabilities()  # `prepare` and `check` raise what is wrong with the workflow

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return False

    def prepare(self, config: EngineConfig, request: ImageRequest) -> ImageRequest:
        made = plan.plan_of(config, plan.purpose_of(request))
        plan.check(made, config, request)
        return super().prepare(
            replace(
                config,
                size=config.size if plan.is_sized(made) else "",
                model=config.model if "model" in made.kinds else "",
            ),
            request,
        )

    # --- drawing ------------------------------------------------------------------------------------------------------

    def draw(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        made = plan.plan_of(config, plan.purpose_of(request))
        client = ServerClient(self, config, run)
        width, height = plan.size_of(made, request)
        if request.width and request.size != (drawn := f"{width}x{height}"):
            yield latents.notice(drawn, request.size)
        uploads = self._uploads(client, made, request)
        per_call = self.capabilities(config, request.model).per_call
        calls = -(-request.n // per_call)
        begun = iter(range(calls))

        def once(request: ImageRequest) -> Iterator[Event]:
            share = (next(begun) / calls, 1 / calls)
            return self._with_room(client, made, plan.filled(made, request, uploads), run, share)

        yield from self.in_calls(run, request, per_call, once)

    def _uploads(self, client: ServerClient, made: Plan, request: ImageRequest) -> dict[str, Any]:
        """Upload what the graph needs; returns the names on the server, and the model where the request chose none."""
        types = self.capabilities(client.config, request.model).input_types
        inputs = [pictures.fitted(picture, types) for picture in request.images]  # of a GIF it would load every frame
        uploads: dict[str, Any] = {"image": [client.upload(picture) for picture in inputs]}
        if request.mask and made.mask_is_in_picture:
            uploads["image"][0] = client.upload_mask(request.mask.content, uploads["image"][0])
        elif request.mask:
            mask = pictures.white_and_clear_where_it_changes(request.mask)
            uploads["mask"] = client.upload(replace(request.mask, content=mask, content_type="image/png"))
        if made.built_in and not request.model:
            choices = self.models(client.config)
            if not choices:
                sentence = _("The server has no checkpoint for the built-in workflow: add one, or paste a workflow.")
                raise ConfigurationError(sentence, code="model_not_found", param="model")
            uploads["model"] = choices[0].id
        return uploads

    def _with_room(
        self, client: ServerClient, made: Plan, graph: workflow.Graph, run: Run, share: tuple[float, float]
    ) -> Iterator[Event]:
        """Run a prompt. When the server runs out of memory, have it free some and queue the prompt once more."""
        try:
            yield from self._prompt(client, made, graph, run, share)
        except ProviderError as error:
            if error.code != own_servers.OUT_OF_MEMORY[0]:
                raise
        else:
            return
        yield Notice(_("The graphics card was out of memory. The server freed some and draws the picture again."))
        client.free()
        yield from self._prompt(client, made, graph, run, share)

    def _prompt(
        self, client: ServerClient, made: Plan, graph: workflow.Graph, run: Run, share: tuple[float, float]
    ) -> Iterator[Event]:
        """Queue the graph, wait for its end, fetch its pictures. The socket opens first: events are not stored."""
        client_id, prompt_id = uuid.uuid4().hex, str(uuid.uuid4())
        with self._socket(client, client_id, run) as socket:
            refused = False
            try:
                run.started(prompt_id)  # first: this process may be killed right after the call
                try:
                    posted = client.post(graph, made.nodes, prompt_id, client_id)
                except ProviderError:
                    refused = True
                    raise
                if posted["prompt_id"] != prompt_id:
                    prompt_id = posted["prompt_id"]  # servers from before 2025 choose the id
                    run.started(prompt_id)
                if failures.dropped_outputs(posted.get("node_errors")) & made.saving():
                    raise failures.refused_workflow(posted, graph, made.nodes)
                state = PromptState(prompt_id, graph, workflow.output_nodes(graph), share)
                entry = yield from wait(client, socket, state, client_id, run, poll=self.poll_seconds)
            except BaseException:
                if not refused:
                    self._stop_or_log(client.config, prompt_id, client_id)
                raise
        yield from self._pictures(client, entry, state, graph, made)

    def _socket(self, client: ServerClient, client_id: str, run: Run) -> EventSocket:
        return EventSocket(client, client_id, run, reopen_seconds=self.reopen_seconds)

    def _pictures(
        self, client: ServerClient, entry: dict[str, Any], state: PromptState, graph: workflow.Graph, made: Plan
    ) -> Iterator[Event]:
        if failed := results.failure(entry, graph):
            raise failed
        files = results.files(entry, made.outputs)
        if not files and not state.pictures:
            raise ProviderError(_("The workflow ended without a picture."), code="no_picture")
        values = {kind: workflow.current_value(graph, made.nodes, kind) for kind in ("seed", "model", "steps")}
        facts = {
            "seed": values["seed"] if isinstance(values["seed"], int) else None,
            "model": str(values["model"] or ""),
            "provenance": {"steps": values["steps"]} if values["steps"] is not None else {},
        }
        for content in state.pictures:
            yield _picture(content, facts)
        for file in files:
            yield _picture(client.view(file), facts)

    # --- after a restart, and stopping --------------------------------------------------------------------------------

    def resume(self, config: EngineConfig, upstream_id: str, run: Run) -> Iterator[Event]:
        client = ServerClient(self, config, run)
        try:
            queued = client.queue_entry(upstream_id)
            graph = queued.graph() if queued else {}
            state = PromptState(upstream_id, graph, workflow.output_nodes(graph))
            if queued:
                state.started = queued.running
                # Events are sent to the client that posted the prompt.
                with self._socket(client, queued.client_id or uuid.uuid4().hex, run) as socket:
                    entry = yield from wait(client, socket, state, "", run, poll=self.poll_seconds)
            else:
                entry = client.history(upstream_id)
                graph = results.graph_of(entry)
        except BaseException:
            self._stop_or_log(config, upstream_id)
            raise
        if not entry:
            raise failures.vanished(restarted=True)
        nodes = (config.workflow and workflow.read_nodes(config.nodes)) or workflow.guess_nodes(graph)
        made = Plan(graph, tuple(nodes), plan.output_ids(config), built_in=False)
        yield from self._pictures(client, entry, state, graph, made)

    def cancel(self, config: EngineConfig, upstream_id: str) -> None:
        self._stop(ServerClient(self, config), upstream_id)

    def _stop(self, client: ServerClient, prompt_id: str, client_id: str = "") -> None:
        """Remove the prompt from the queue, or interrupt it if it is the one that runs; repeat until it is gone.

        An interrupt that comes a moment before the run begins is lost. One that comes in a long step is not.
        """
        for pause in STOP_PAUSES:
            queued = client.queue_entry(prompt_id, client_id)
            if queued is None:
                return
            if queued.running:
                client.interrupt(queued.prompt_id)
            else:
                client.delete(queued.prompt_id)
            sleep(pause)

    def _stop_or_log(self, config: EngineConfig, prompt_id: str, client_id: str = "") -> None:
        """`_stop` for a run that ends with an error: a failure is logged, so that it does not replace that error."""
        try:
            self._stop(ServerClient(self, config), prompt_id, client_id)
        except GatewayError as error:
            logger.warning("The server could not be told to stop drawing: %s", error.message)

    # --- models, check, errors ----------------------------------------------------------------------------------------

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        """The models that the mapped node offers, else the checkpoints."""
        made = plan.plan_of(config)
        class_type, key = "CheckpointLoaderSimple", ""
        for node_id, name in workflow.mapped(made.nodes, "model")[:1]:
            if node_id in made.graph:
                class_type, key = made.graph[node_id]["class_type"], name
        info = ServerClient(self, config).object_info(class_type)
        return [ModelChoice(name, name) for name in workflow.Installed(info).model_choices(class_type, key)]

    def installed(self, config: EngineConfig) -> workflow.Installed:
        """Every node class of the server, for `workflow.check` and `workflow.guess_nodes`: a megabyte or two."""
        return workflow.Installed(ServerClient(self, config).object_info())

    def dry_run(
        self, config: EngineConfig, request: ImageRequest
    ) -> tuple[workflow.Graph, list[workflow.GraphProblem]]:
        """The graph that would be queued for this request, and its problems on this server. Draws nothing."""
        request = self.prepare(config, request)
        made = plan.plan_of(config, plan.purpose_of(request))
        names = {"image": [f"picture-{number}.png" for number in range(1, len(request.images) + 1)]}
        graph = plan.filled(made, request, {**names, "mask": "mask.png" if request.mask else None})
        return graph, workflow.check(graph, made.nodes, self.installed(config))

    def check(self, config: EngineConfig) -> EngineFinding:
        made = plan.plan_of(config)
        version = ServerClient(self, config).version()
        if made.built_in:
            models = [choice.id for choice in self.models(config)]
            count = len(models)
            if not count:
                raise ConfigurationError(_("The server answers, but it has no checkpoint for the built-in workflow."))
            if config.model and config.model not in models:
                message = checking.not_listed(config.model, models)
                raise ConfigurationError(message, code="model_not_found", param="model")
            words = ngettext(
                "ComfyUI %(version)s answers and has %(count)d model.",
                "ComfyUI %(version)s answers and has %(count)d models.",
                count,
            )
            return EngineFinding(words % {"version": version, "count": count})
        installed = self.installed(config)
        problems = workflow.check(made.graph, made.nodes, installed)
        # What the node map fills is looked at as it will be: with the engine's own model and steps, else the graph's.
        usual = ImageRequest(prompt=EXAMPLE, model=config.model if "model" in made.kinds else "", steps=config.steps)
        filled = workflow.check(plan.filled(made, usual, {}), (), installed)
        if fatal := [problem.message for problem in (*problems, *filled) if problem.fatal]:
            raise ConfigurationError(joined(list(dict.fromkeys(fatal))[:MOST_PROBLEMS]), code="invalid_workflow")
        if "prompt" not in made.kinds:
            sentence = _("No node of the workflow takes the prompt: choose one in the node map.")
            raise ConfigurationError(sentence, code="invalid_workflow")
        sentence = _("ComfyUI %(version)s answers, and the workflow fits it.") % {"version": version}
        doubts = [problem.message for problem in problems if problem.code != "value_not_in_list"]  # `filled` has it
        return EngineFinding(sentence, joined(doubts[:MOST_PROBLEMS]) if doubts else "")

    def error(self, response: http.BlockingResponse) -> ProviderError:
        return failures.refusal(response)


def _picture(content: bytes, facts: dict[str, Any]) -> Picture:
    content = results.without_graph(content)
    kind = pictures.sniff(content)
    if not kind:
        raise ProviderError(_("The server sent something that is not a picture."), code="invalid_answer")
    return Picture(content=content, content_type=kind, **facts)
