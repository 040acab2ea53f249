"""What a request for pictures will use, by what is known before an engine draws.

An estimate only has to be of the right size: what the job really used replaces it at its end.
"""

from imagegen.image_request import ImageRequest
from imagegen.models import ImageEngine
from providers import catalogue, pricing, units
from providers.relay import budgets, usage

# Output tokens of a picture of `SQUARE` pixels by quality, docs/upstreams/openai.md, “Tokens of a picture”. Other sizes
# take as many tokens for each pixel.
TOKENS = {"low": 272, "medium": 1056, "high": 4160}
SQUARE = 1024 * 1024  # pixels
INPUT_TOKENS = 1000  # of an input picture


def of_request(engine: ImageEngine, drawing: ImageRequest) -> budgets.Used:
    """The pictures of a request, and their cost where a budget of money needs it; None where no price is known."""
    snapshot = catalogue.snapshot_blocking()
    cost = None
    if any(row.unit == units.MONEY for row in snapshot.budgets):
        cost = pricing.cost_of(_call(engine, drawing), snapshot)
    return budgets.Used(pictures=drawing.n, cost=cost)


def _call(engine: ImageEngine, drawing: ImageRequest) -> usage.CallUsage:
    """The usage record that the job will have, about."""
    quality = str(drawing.params.get("quality") or "")
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
        picture_quality=quality[:20],
        tokens_in=len(drawing.prompt.encode()) // units.BYTES_PER_TOKEN + shown,
        tokens_out=drawn,
        picture_tokens_in=shown,
        picture_tokens_out=drawn,
        status=200,
    )
