"""The pages of the administration with the valves of the pipelines on a server."""

import asyncio
from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from providers import http, json_bodies, services
from providers.authentication import caller_of
from providers.catalogue import snapshot_loader
from providers.errors import GatewayError, ProviderError
from providers.facts import Caller, ConnectionFacts
from providers.models import Connection
from providers.process import waiting
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for, secrets_in
from providers.valves.form import ValvesForm

PAGE = "providers_connection_valves"
SECONDS = 15.0
MAX_BYTES = 2 * 1024 * 1024
MAX_PIPELINES = 500
LONGEST_ID = 255


def has_pipelines(row: Connection) -> bool:
    """Whether a connection's server lists pipelines."""
    return row.sources.filter(listed=True, raw__has_key="pipeline").exists()


class ValvesPages:
    """The view, for the `ModelAdmin` of connections, which decides who may."""

    def __init__(self, admin: Any) -> None:
        self.admin = admin

    def urls(self) -> list[URLPattern]:
        return [path("<path:object_id>/valves/", self.admin.admin_site.admin_view(self.page), name=PAGE)]

    def page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """`?pipeline=ID`: its valves in a form; without it the pipelines that have some."""
        row: Connection | None = self.admin.get_object(request, object_id)
        if row is None or not has_pipelines(row) or not self.admin.has_change_permission(request, row):
            raise Http404
        facts, caller = snapshot_loader.facts_of(row), caller_of(request)
        chosen = request.GET.get("pipeline", "")[:LONGEST_ID]
        here = reverse(f"admin:{PAGE}", args=[row.pk])
        context: dict[str, Any] = {
            **self.admin.admin_site.each_context(request),
            "title": _("Valves"),
            "subtitle": chosen or row.name,
            "opts": self.admin.opts,
            "chosen": chosen,
            "back": here if chosen else reverse("admin:providers_connection_change", args=[row.pk]),
        }
        try:
            if not chosen:
                context["pipelines"] = waiting.on_loop(pipelines_with_valves)(facts, caller)
            else:
                spec, values = waiting.on_loop(valves_of)(facts, chosen, caller)
                form = ValvesForm(spec, values, request.POST if request.method == "POST" else None)
                fresh, message = ValvesForm(spec, values), f"Changed the valves of {chosen}"
                context["opened_with"] = self.admin.mark_of_form(fresh)
                if form.is_valid() and not self.admin.has_conflict(request, row, form, fresh, message):
                    waiting.on_loop(save)(facts, chosen, form.chosen(), caller)
                    self.admin.log_change(request, row, message)
                    self.admin.message_user(request, _("The valves are saved."), messages.SUCCESS)
                    services.refresh_models(row, by=caller)  # a filter's models and priority are valves
                    return redirect(here)
                context["form"] = form
        except GatewayError as error:
            context["failure"] = error
        return TemplateResponse(request, "admin/providers/connection/valves.html", context)


async def pipelines_with_valves(facts: ConnectionFacts, by: Caller) -> list[dict[str, str]]:
    """`{"id", "name", "type"}` of the pipelines on a server that have valves. Raises GatewayError."""
    listed = (await _ask(facts, "pipelines", by)).get("data")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return [
        {name: str(entry.get(name) or "")[:LONGEST_ID] for name in ("id", "name", "type")}
        for entry in entries[:MAX_PIPELINES]
        if entry.get("valves") and isinstance(entry.get("id"), str)
    ]


async def valves_of(facts: ConnectionFacts, pipeline: str, by: Caller) -> tuple[dict[str, Any], dict[str, Any]]:
    """The description of a pipeline's valves, a JSON schema, and their values. Raises GatewayError."""
    name = quote(pipeline, safe="")
    spec, values = await asyncio.gather(_ask(facts, f"{name}/valves/spec", by), _ask(facts, f"{name}/valves", by))
    return spec, values


async def save(facts: ConnectionFacts, pipeline: str, values: dict[str, Any], by: Caller) -> None:
    """Replace all valves of a pipeline. Raises GatewayError, with the words of the server that refuses a value."""
    await _ask(facts, f"{quote(pipeline, safe='')}/valves/update", by, values)


async def _ask(facts: ConnectionFacts, path: str, by: Caller, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = await headers_for(facts, caller=by)
    async with http.stream(
        "GET" if body is None else "POST",
        f"{facts.base_url}/{path}",
        headers=headers,
        body=b"" if body is None else json_bodies.dumps(body),
        limits=http.Limits(facts.limits.connect, SECONDS, SECONDS, SECONDS, MAX_BYTES),
        tls=facts.tls,
        secrets=secrets_in(facts, headers),
        unpacked=True,
    ) as answer:
        if answer.status >= 400:
            raise error_of(answer.status, await answer.beginning(), dict(answer.headers))
        data = await answer.read(MAX_BYTES)
    try:
        value = json_bodies.parse_response(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ProviderError(_("The provider's answer is not JSON."), code="invalid_answer")
    return value
