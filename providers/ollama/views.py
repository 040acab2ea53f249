"""Ollama's protocol apart from calls of models: lists, versions, and what is left to the administration."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from providers import catalogue, json_bodies
from providers.authentication import caller_of
from providers.errors import Forbidden
from providers.facts import Caller, Route
from providers.ollama import lists, servers
from providers.relay.request import admit
from providers.relay.views import LoopView
from providers.sentences import sentence as _

ANSWERS: dict[Any, OpenApiResponse] = {
    200: OpenApiResponse(OpenApiTypes.OBJECT, description="As Ollama answers, with the ids of this site"),
    401: OpenApiResponse(OpenApiTypes.OBJECT, description='`{"error"}`: no key, or none that is known here'),
    403: OpenApiResponse(OpenApiTypes.OBJECT, description='`{"error"}`: the key was made for something else'),
    502: OpenApiResponse(OpenApiTypes.OBJECT, description='`{"error"}`: no server answers'),
    504: OpenApiResponse(OpenApiTypes.OBJECT, description='`{"error"}`: no server answers in time'),
}


@require_safe
def is_running(request: HttpRequest) -> HttpResponse:
    """What clients look at first."""
    return HttpResponse("Ollama is running", content_type="text/plain; charset=utf-8")


async def _routes(request: Request) -> tuple[Caller, list[Route]]:
    caller = caller_of(request)
    admit(caller)
    return caller, (await catalogue.snapshot()).routes_for(caller)


def _json(value: dict[str, Any]) -> HttpResponse:
    return HttpResponse(json_bodies.dumps(value), content_type="application/json; charset=utf-8")


class Tags(LoopView):
    @extend_schema(responses=ANSWERS)
    async def get(self, request: Request) -> HttpResponse:
        """The models of all Ollama servers that the caller may use (Ollama's protocol)."""
        _caller, routes = await _routes(request)
        return _json(lists.tags(routes))


class Loaded(LoopView):
    @extend_schema(responses=ANSWERS)
    async def get(self, request: Request) -> HttpResponse:
        """Those of them that are in memory (Ollama's protocol). A server that does not answer is left out."""
        caller, routes = await _routes(request)
        answers = await servers.ask_all(lists.servers_of(routes), "api/ps", by=caller)
        return _json(lists.loaded(routes, answers))


class Version(LoopView):
    @extend_schema(responses=ANSWERS)
    async def get(self, request: Request) -> HttpResponse:
        """The oldest version among the servers that the caller may use (Ollama's protocol)."""
        caller, routes = await _routes(request)
        answers = await servers.ask_all(lists.servers_of(routes), "api/version", by=caller)
        return _json({"version": lists.lowest_version(answers.values())})


class OnlyAdministration(LoopView):
    """What would change a server for everybody."""

    @extend_schema(exclude=True)
    async def post(self, request: Request) -> HttpResponse:
        raise Forbidden(_("Models are pulled and deleted by administrators, on the page of the connection."))

    put = head = delete = post
