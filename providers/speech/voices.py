"""Who reads aloud on the pages: what an administrator set, else the first speech model that a connection lists."""

from dataclasses import dataclass

from providers.errors import GatewayError
from providers.facts import Caller, Snapshot
from providers.speech import clips

DEFAULT_VOICE = "alloy"  # the one that every OpenAI speech model has, and that compatible servers know


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
    try:
        if not model or not clips.candidates(snapshot, caller, model):
            return None
    except GatewayError:  # not theirs
        return None
    return Voice(model, snapshot.gateway.speech_voice or DEFAULT_VOICE)


def _first_listed(snapshot: Snapshot, caller: Caller) -> str:
    return next((route.public_id for route in snapshot.speaking if route.sources_for(caller)), "")
