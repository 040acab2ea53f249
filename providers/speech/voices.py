"""The routes of speech models, and the voice of this site's own pages."""

from dataclasses import dataclass

from providers.errors import GatewayError, NotFound
from providers.facts import Caller, Route, Snapshot, Source, model_not_found
from providers.sentences import sentence as _

DEFAULT_VOICE = "alloy"  # every OpenAI speech model has it, and compatible servers know it


def route_for(snapshot: Snapshot, caller: Caller, model: str) -> Route:
    """The route of a listed model; else all connections that the caller may use, those with the model's prefix first.

    Many servers do not list speech models, so an unknown model is tried. Raises NotFound where the caller may use no
    connection, and as `Snapshot.route_for`.
    """
    if model in snapshot.routes or not snapshot.gateway.enable_openai_api:
        return snapshot.route_for(caller, model)
    if not caller.may_use(model):
        raise model_not_found(model)
    prefixed, unprefixed = [], []
    for connection in sorted(snapshot.connections.values(), key=lambda row: (row.position, row.id)):
        if connection.demo or not connection.allows(caller):
            continue
        prefix = f"{connection.prefix_id}."
        if connection.prefix_id and model.startswith(prefix):
            prefixed.append(Source(connection, model.removeprefix(prefix), {}))
        else:
            unprefixed.append(Source(connection, model, {}))
    if not prefixed and not unprefixed:
        raise NotFound(
            _("No speech model is available to you. Ask an administrator to add a connection that has one."),
            code="speech_not_configured",
            param="model",
        )
    return Route(
        public_id=model,
        name=model,
        description="",
        sources=(*prefixed, *unprefixed),
        base_id=None,
        params={},
        system_prompt="",
        owner_id=None,
        access="inherit",
        group_ids=frozenset(),
        user_ids=frozenset(),
        tags=(),
        vision=None,
        has_keys=any(source.connection.more_keys for source in (*prefixed, *unprefixed)),
    )


@dataclass(frozen=True, slots=True)
class Voice:
    """Model and voice of a page's requests to `/openai/audio/speech`."""

    model: str
    voice: str


def voice_for(snapshot: Snapshot, caller: Caller, wanted: str = "") -> Voice | None:
    """The voice for this caller, who may have chosen one (`wanted`).

    None where the browser has to read, because they may use no speech model.
    """
    if not snapshot.gateway.enable_openai_api:
        return None
    model = snapshot.gateway.speech_model or _first_listed(snapshot, caller)
    if not model:
        return None
    try:
        route_for(snapshot, caller, model)
    except GatewayError:  # the caller may not use it
        return None
    return Voice(model, wanted or snapshot.gateway.speech_voice or DEFAULT_VOICE)


def ear_for(snapshot: Snapshot, caller: Caller) -> str:
    """The model that writes down what this caller says; empty where they may use none."""
    if not snapshot.gateway.enable_openai_api:
        return ""
    model = snapshot.gateway.transcription_model
    if not model:
        return next((route.public_id for route in snapshot.transcribing if route.sources_for(caller)), "")
    route = snapshot.routes.get(model)
    return model if route is not None and route.sources_for(caller) else ""


def _first_listed(snapshot: Snapshot, caller: Caller) -> str:
    return next((route.public_id for route in snapshot.speaking if route.sources_for(caller)), "")
