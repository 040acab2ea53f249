"""Failover: a picture whose engine is down goes to the next engine that can draw the same.

Only where the picture settings allow it: another engine may belong to another provider. Nothing may have been drawn
yet, and a call that took too long is not asked for again elsewhere: it may be drawn, and paid for, after all.
"""

from typing import Any

from imagegen import access, rows
from imagegen.image_request import ImageRequest, InputPicture
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers.errors import AddressRefused, GatewayError, NetworkError, ProviderError, UpstreamTimeout
from providers.facts import Caller

DOWN = frozenset({429, 502, 503, 529})  # statuses of a provider that is away, or has no room
TRIED = "tried_engines"  # of a stored request: the ids of engines that were down


def is_down(error: GatewayError) -> bool:
    """Whether an engine fails with this because it is away or rests, whatever is drawn."""
    if isinstance(error, ProviderError):
        return error.status in DOWN
    return isinstance(error, NetworkError) and not isinstance(error, UpstreamTimeout | AddressRefused)


def next_engine(
    job: ImageJob, caller: Caller, images: tuple[InputPicture, ...], mask: InputPicture | None
) -> tuple[ImageEngine, dict[str, Any]] | None:
    """The next engine of this person's that can draw the job's request, and the request for it; None without one.

    What came from the first engine's row (its model, size, steps) comes from the other one's instead. A model that
    somebody named is drawn by no other, and whoever calls with a key names the engine that they mean.
    """
    first = job.engine
    if first is None or job.client_key or not ImageSettings.load().fail_over:
        return None
    tried = {first.pk, *job.request.get(TRIED, ())}
    asked = _as_asked(first, job.request)
    if asked is None:
        return None
    request = ImageRequest.from_values(asked, images=images, mask=mask)
    for engine in access.engines_for(caller, editing=request.is_edit):
        if engine.pk in tried or engine.is_demo:
            continue
        try:
            prepared = rows.engine_of(engine).prepare(rows.config_of(engine, caller=caller), request)
        except GatewayError:  # it cannot express this, or is not set up
            continue
        return engine, {**job.request, **prepared.values(), TRIED: sorted(tried)}
    return None


def _as_asked(engine: ImageEngine, stored: dict[str, Any]) -> dict[str, Any] | None:
    """The stored request without what the engine's row filled in; None where it names a model of its own."""
    usual = rows.engine_of(engine).usual_model(rows.config_of(engine))
    if stored.get("model") not in ("", None, usual):
        return None
    filled = {"model": usual, "size": engine.size, "steps": engine.steps}
    return {name: value for name, value in stored.items() if name not in filled or value != filled[name]}
