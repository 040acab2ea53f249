"""What a request for pictures will use, cost and take, by what is known before an engine draws.

An estimate only has to be of the right size: what the job really used replaces it at its end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from imagegen.image_request import ImageRequest, sides
from imagegen.jobs import claims
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers import catalogue, pricing, units
from providers.relay import budgets, usage

# Output tokens of a picture of `SQUARE` pixels by quality, docs/upstreams/openai.md, “Tokens of a picture”. Other sizes
# take as many tokens for each pixel.
TOKENS = {"low": 272, "medium": 1056, "high": 4160}
SQUARE = 1024 * 1024  # pixels
INPUT_TOKENS = 1000  # of an input picture
LATEST = 60  # ended jobs of an engine that are looked at
ENOUGH = 15  # of those that are alike


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of a request before it is made; None for what is not."""

    pictures: int
    model: str
    quality: str  # empty: the engine's usual one
    seconds: float | None
    cost: Decimal | None  # US dollars
    before: int  # jobs of the engine that wait
    is_above_limit: bool  # of the picture settings: pages ask before they make the job


def of_request(engine: ImageEngine, drawing: ImageRequest) -> budgets.Used:
    """The pictures of a request, and their cost where a budget of money needs it; None where no price is known."""
    snapshot = catalogue.snapshot_blocking()
    is_needed = any(row.unit == units.MONEY for row in snapshot.budgets)
    return budgets.Used(pictures=drawing.n, cost=cost(engine, drawing) if is_needed else None)


def beforehand(engine: ImageEngine, drawing: ImageRequest, image_settings: ImageSettings) -> Estimate:
    """All that is known of a prepared request. Two queries of jobs."""
    price = cost(engine, drawing)
    return Estimate(
        pictures=drawing.n,
        model=drawing.model or engine.name,
        quality=quality_of(engine.params, drawing.params),
        seconds=seconds(engine, drawing),
        cost=price,
        before=claims.waiting_of(engine),
        is_above_limit=_is_above(image_settings, drawing.n, price),
    )


def is_above_limit(engine: ImageEngine, drawing: ImageRequest, image_settings: ImageSettings) -> bool:
    """Whether pages ask before they make this job."""
    needs_price = image_settings.ask_above_cost is not None
    return _is_above(image_settings, drawing.n, cost(engine, drawing) if needs_price else None)


def cost(engine: ImageEngine, drawing: ImageRequest) -> Decimal | None:
    """US dollars, by the prices that the job itself will be priced by; None where none is known."""
    return pricing.cost_of(_call(engine, drawing))


def seconds(engine: ImageEngine, drawing: ImageRequest) -> float | None:
    """How long drawing takes once it begins: the median of the latest jobs of this engine that ended well.

    Those of the same model, quality, size and number of pictures count first, then those of another number, then all.
    None without any. One query, which an index answers.
    """
    members = ("request__model", "request__size", "request__params__quality", "request__n", "started", "ended")
    latest = ImageJob.objects.filter(
        engine=engine, state=ImageJob.State.SUCCEEDED, started__isnull=False, ended__isnull=False
    )
    rows = [
        (_class(model, size, quality), n if isinstance(n, int) and n > 0 else 1, (ended - started).total_seconds())
        for model, size, quality, n, started, ended in latest.order_by("-ended").values_list(*members)[:LATEST]
    ]
    own = _class(drawing.model, drawing.size, drawing.params.get("quality"))
    exact = [took for kind, n, took in rows if kind == own and n == drawing.n]
    alike = [took / n * drawing.n for kind, n, took in rows if kind == own]
    everything = [took / n * drawing.n for _kind, n, took in rows]
    known = exact or alike or everything
    return max(0.0, median(known[:ENOUGH])) if known else None


def quality_of(own: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """The quality that is drawn: an engine's `own` parameters override those of a request."""
    return str(own.get("quality") or params.get("quality") or "")[:20]


def _is_above(image_settings: ImageSettings, pictures: int, price: Decimal | None) -> bool:
    most, dearest = image_settings.ask_above_pictures, image_settings.ask_above_cost
    return (most is not None and pictures > most) or (dearest is not None and price is not None and price > dearest)


def _class(model: object, size: object, quality: object) -> tuple[str, int | None, str]:
    """What jobs have in common that take about as long: sizes of about as many pixels are alike."""
    shape = str(size or "")
    scale = round(math.log2(math.prod(sides(shape)) / SQUARE)) if "x" in shape else None
    return str(model or ""), scale, str(quality or "")


def _call(engine: ImageEngine, drawing: ImageRequest) -> usage.CallUsage:
    """The usage record that the job will have, about."""
    quality = quality_of(engine.params, drawing.params)
    pixels = (drawing.width or 1024) * (drawing.height or 1024)
    shown = INPUT_TOKENS * (len(drawing.images) + (drawing.mask is not None))
    drawn = drawing.n * TOKENS.get(quality, TOKENS["medium"]) * pixels // SQUARE
    return usage.CallUsage(
        kind="image",
        connection_id=engine.connection_id,
        model=drawing.model or engine.name,
        upstream_id=drawing.model or engine.model,
        images=drawing.n,
        picture_size=drawing.size[:20],
        picture_quality=quality,
        tokens_in=len(drawing.prompt.encode()) // units.BYTES_PER_TOKEN + shown,
        tokens_out=drawn,
        picture_tokens_in=shown,
        picture_tokens_out=drawn,
        status=200,
    )
