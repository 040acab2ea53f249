"""Who reads aloud: the connections that may speak, and the voice of this site's own pages."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from providers.errors import GatewayError, NotFound
from providers.facts import Caller, Route, Snapshot, Source

DEFAULT_VOICE = "alloy"  # the one that every OpenAI speech model has, and that compatible servers know


def route_for(snapshot: Snapshot, caller: Caller, model: str) -> Route:
    """The sources of a model that the caller has, else every connection of theirs, those first whose prefix it has.

    Speech models are left out of lists, so a name that no list knows is no reason to refuse. Raises NotFound where the
    caller has no connection at all, and as `Snapshot.route_for`.
    """
    if model in snapshot.routes or not snapshot.gateway.enable_openai_api:
        return snapshot.route_for(caller, model)
    named, others = [], []
    for connection in sorted(snapshot.connections.values(), key=lambda one: (one.position, one.id)):
        if connection.demo or not connection.allows(caller):
            continue
        prefix = f"{connection.prefix_id}."
        if connection.prefix_id and model.startswith(prefix):
            named.append(Source(connection, model.removeprefix(prefix), {}))
        else:
            others.append(Source(connection, model, {}))
    if not named and not others:
        raise NotFound(_("No connection can speak here yet."), code="speech_not_configured", param="model")
    return Route(
        public_id=model,
        name=model,
        description="",
        sources=(*named, *others),
        base_id=None,
        params={},
        system_prompt="",
        owner_id=None,
        access="inherit",
        group_ids=frozenset(),
        user_ids=frozenset(),
        tags=(),
        vision=None,
    )


@dataclass(frozen=True, slots=True)
class Voice:
    """What a page asks `/openai/audio/speech` for."""

    model: str
    voice: str


def voice_for(snapshot: Snapshot, caller: Caller) -> Voice | None:
    """The voice for this caller; None when no connection can speak for them, and the browser has to."""
    if not snapshot.gateway.enable_openai_api:
        return None
    model = snapshot.gateway.speech_model or _first_listed(snapshot, caller)
    if not model:
        return None
    try:
        route_for(snapshot, caller, model)
    except GatewayError:  # not theirs
        return None
    return Voice(model, snapshot.gateway.speech_voice or DEFAULT_VOICE)


def _first_listed(snapshot: Snapshot, caller: Caller) -> str:
    return next((route.public_id for route in snapshot.speaking if route.sources_for(caller)), "")
