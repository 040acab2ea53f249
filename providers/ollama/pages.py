"""The page of the administration with the models on a server: pull, unload, delete."""

import asyncio
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from providers import services
from providers.authentication import caller_of
from providers.catalogue import snapshot_loader
from providers.errors import GatewayError
from providers.facts import Caller, ConnectionFacts
from providers.http import Limits
from providers.models import Connection, ModelPull
from providers.ollama import pulls, servers
from providers.process import waiting
from providers.upstream import kinds

DELETE_SECONDS = 30.0  # large files on slow disks
PAGE = "providers_connection_server_models"
PROGRESS = "providers_connection_pull_progress"


@dataclass(frozen=True, slots=True)
class HeldModel:
    """A model on a server, as the page shows it."""

    name: str
    size: str
    details: str
    is_loaded: bool


@dataclass(frozen=True, slots=True)
class ShownPull:
    """A pull, as the page shows it. `share` in percent, None where it is not known."""

    pk: int
    model: str
    state: str
    words: str
    share: int | None

    @property
    def is_running(self) -> bool:
        return self.state == ModelPull.PullState.RUNNING


class ServerModelsPages:
    """The two views, for the `ModelAdmin` of connections, which decides who may."""

    def __init__(self, admin: Any) -> None:
        self.admin = admin

    def urls(self) -> list[URLPattern]:
        wrap = self.admin.admin_site.admin_view
        return [
            path("<path:object_id>/server-models/", wrap(self.page), name=PAGE),
            path("<path:object_id>/server-models/progress/", wrap(self.progress), name=PROGRESS),
        ]

    def _row(self, request: HttpRequest, object_id: str) -> Connection:
        row: Connection | None = self.admin.get_object(request, object_id)
        if row is None or not kinds.speaks_ollama(row) or not self.admin.has_change_permission(request, row):
            raise Http404
        return row

    def page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(request, object_id)
        caller = caller_of(request)
        if request.method == "POST":
            try:
                notice = self._act(request, row, caller)
            except GatewayError as error:
                self.admin.message_user(request, error.full_message, messages.ERROR)
            else:
                self.admin.message_user(request, notice, messages.SUCCESS)
            return redirect(f"admin:{PAGE}", row.pk)
        held, failure = _held(row, caller)
        running = [
            ShownPull(pull.pk, pull.model, pull.state, words_of(pull), pull.share)
            for pull in pulls.of_connection(row.pk)
        ]
        context = {
            **self.admin.admin_site.each_context(request),
            "title": _("Models on the server"),
            "subtitle": row.name,
            "opts": self.admin.opts,
            "row": row,
            "held": held,
            "failure": failure,
            "pulls": running,
            "is_running": any(pull.is_running for pull in running),
            "progress_url": reverse(f"admin:{PROGRESS}", args=[row.pk]),
            "back": reverse("admin:providers_connection_change", args=[row.pk]),
        }
        return TemplateResponse(request, "admin/providers/connection/server_models.html", context)

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """`{"pulls": [{"id", "state", "status", "share"}]}`, for the script of the page."""
        row = self._row(request, object_id)
        progress = [
            {"id": pull.pk, "state": pull.state, "status": words_of(pull), "share": pull.share}
            for pull in pulls.of_connection(row.pk)
        ]
        return JsonResponse({"pulls": progress})

    def _act(self, request: HttpRequest, row: Connection, caller: Caller) -> str:
        """Do what a form asks for, and say that it is done. Raises GatewayError."""
        facts, model = snapshot_loader.facts_of(row), request.POST.get("model", "")[: pulls.LONGEST_NAME]
        match request.POST.get("do"):
            case "pull":
                pulls.start(row, facts, request.POST.get("model", ""), by=caller, user=request.user)
                return _("“%(model)s” is being pulled. You may leave this page.") % {"model": model.strip()}
            case "cancel":
                pull_id = request.POST.get("pull", "")
                pulls.cancel(row, int(pull_id) if pull_id.isdecimal() and len(pull_id) < 19 else 0)
                return _("The pull ends within a moment. What has come stays on the server.")
            case "unload":
                waiting.on_loop(unload)(facts, model, caller)
                return _("“%(model)s” is no longer in memory.") % {"model": model}
            case "delete":
                waiting.on_loop(delete)(facts, model, caller)
                services.refresh_models(row, by=caller)
                self.admin.log_change(request, row, f"Deleted {model} from the server")
                return _("“%(model)s” was deleted from the server.") % {"model": model}
            case _:
                return _("Nothing was changed.")


async def unload(facts: ConnectionFacts, model: str, by: Caller) -> None:
    """Take a model out of memory. Raises GatewayError."""
    body = {"model": model, "keep_alive": 0, "stream": False}
    await servers.ask(facts, "api/generate", method="POST", body=body, by=by, limits=_patient(facts))


async def delete(facts: ConnectionFacts, model: str, by: Caller) -> None:
    """Delete a model's files. Raises GatewayError."""
    await servers.ask(facts, "api/delete", method="DELETE", body={"model": model}, by=by, limits=_patient(facts))


def _patient(facts: ConnectionFacts) -> Limits:
    return Limits(facts.limits.connect, DELETE_SECONDS, DELETE_SECONDS, DELETE_SECONDS, servers.MAX_BYTES)


def words_of(pull: ModelPull) -> str:
    """How far a pull is, or how it ended, in a line."""
    if pull.error:
        return pull.error
    if not pull.is_running:
        return str(pull.get_state_display())
    if pull.cancels:
        return _("is being cancelled")
    if pull.total:
        size = f"{filesizeformat(pull.completed)} / {filesizeformat(pull.total)}"
        return f"{pull.status} · {size}"
    return pull.status or _("waits for the server")


def _held(row: Connection, caller: Caller) -> tuple[list[HeldModel], GatewayError | None]:
    """What the server holds now; the error where it does not answer."""
    facts = snapshot_loader.facts_of(row)

    async def loaded_now() -> dict[str, Any]:
        try:
            return await servers.ask(facts, "api/ps", by=caller)
        except GatewayError:  # the list below is what counts
            return {}

    async def ask() -> tuple[dict[str, Any], dict[str, Any]]:
        return await asyncio.gather(servers.ask(facts, "api/tags", by=caller), loaded_now())

    try:
        listed, loaded = waiting.on_loop(ask)()
    except GatewayError as error:
        return [], error
    in_memory = {name for entry in _entries(loaded) for name in (entry.get("model"), entry.get("name"))}
    return [_held_model(entry, in_memory) for entry in _entries(listed) if _name(entry)], None


def _entries(answer: dict[str, Any]) -> list[dict[str, Any]]:
    models = answer.get("models")
    return [entry for entry in models if isinstance(entry, dict)] if isinstance(models, list) else []


def _name(entry: dict[str, Any]) -> str:
    name = entry.get("model") or entry.get("name")
    return name if isinstance(name, str) else ""


def _held_model(entry: dict[str, Any], in_memory: set[Any]) -> HeldModel:
    details = entry.get("details")
    known = details if isinstance(details, dict) else {}
    words = [known.get(name) for name in ("family", "parameter_size", "quantization_level")]
    size = entry.get("size")
    return HeldModel(
        name=_name(entry),
        size=filesizeformat(size) if isinstance(size, int) else "",
        details=" · ".join(word for word in words if isinstance(word, str) and word),
        is_loaded=_name(entry) in in_memory,
    )
