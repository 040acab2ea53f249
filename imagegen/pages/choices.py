"""The choices that the form offers for an engine and a model: only what these can express. No network."""

import math
from typing import Any

from django.utils.translation import gettext as _

from imagegen import rows
from imagegen.capabilities import TIERS, Capabilities
from imagegen.image_request import MAX_PICTURES, sides
from imagegen.models import ImageEngine
from providers.errors import ConfigurationError

SHAPES = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))  # offered where any size can be drawn
USUAL = "1K"  # the tier that is chosen first
GRID = 64  # pixels that both sides of an offered size are multiples of


def engine_choices(engines: list[ImageEngine], *, editing: bool) -> list[dict[str, Any]]:
    """Every engine that can be used as it is set up, in order; `editing`: whether the person may edit pictures."""
    choices = [engine_choice(row, editing=editing) for row in engines]
    return [choice for choice in choices if choice is not None]


def engine_choice(row: ImageEngine, *, editing: bool, model: str = "") -> dict[str, Any] | None:
    """An engine and what `model` (empty: the configured one) can do; None when its connection is switched off."""
    try:
        engine, config = rows.engine_of(row), rows.config_of(row)
    except ConfigurationError:
        return None
    can = engine.capabilities(config, model)
    standard = "" if can.size_problem(config.size) else config.size
    edits = editing and can.edit and row.purpose != ImageEngine.Purpose.GENERATE
    return {
        "id": row.pk,
        "name": row.name,
        "demo": row.is_demo,
        "draws": can.generate and row.purpose != ImageEngine.Purpose.EDIT,
        "inputs": can.max_inputs if edits else 0,
        "mask": edits and can.mask,
        "negative": can.negative_prompt,
        "steps": can.steps,
        "seed": can.seed,
        "has_models": any(field.kind == "model" for field in engine.fields),
        "model": config.model,
        "most": MAX_PICTURES,
        "prompt_limit": can.prompt_limit,
        "own_size": not can.sizes and not can.ratios,
        "step": can.step,
        "standard": standard,
        "auto": can.auto,
        "groups": size_groups(can, config.size),
    }


def size_groups(can: Capabilities, standard: str) -> list[dict[str, Any]]:
    """`[{"name", "usual", "sizes": [{"value", "word", "shape", "width", "height"}]}]`; each group is a resolution."""
    if can.sizes:
        pairs = [sides(size) for size in can.sizes]
        return [{"name": "", "usual": True, "sizes": [_choice(*pair) for pair in pairs]}]
    if can.ratios:
        shapes = [_ratio(ratio) for ratio in can.ratios]
        tiers = can.tiers or ("",)
        usual = USUAL if USUAL in tiers else tiers[0]
        return [
            {
                "name": tier,
                "usual": tier == usual,
                "sizes": [_choice(*_scaled(shape, TIERS.get(tier, 1024), 8), named=shape) for shape in shapes],
            }
            for tier in tiers
        ]
    width, height = sides(standard) if "x" in standard else (1024, 1024)
    pixels = min(max(width * height, can.min_pixels), can.max_pixels)
    grid = GRID if GRID % can.step == 0 else can.step
    offered = [(_scaled(shape, math.sqrt(pixels), grid), shape) for shape in SHAPES]
    fitting = [_choice(*size, named=shape) for size, shape in offered if not can.size_problem("{}x{}".format(*size))]
    return [{"name": "", "usual": True, "sizes": fitting}]


def _choice(width: int, height: int, *, named: tuple[int, int] | None = None) -> dict[str, Any]:
    across, down = named or _reduced(width, height)
    word = _("Square") if across == down else _("Landscape") if across > down else _("Portrait")
    shape = f"{across}:{down}" if max(across, down) <= 32 else ""
    return {"value": f"{width}x{height}", "word": word, "shape": shape, "width": width, "height": height}


def _scaled(shape: tuple[int, int], side: float, grid: int) -> tuple[int, int]:
    """A size of this shape with about the area of a square of `side` pixels."""
    stretch = math.sqrt(shape[0] / shape[1])
    return max(1, round(side * stretch / grid)) * grid, max(1, round(side / stretch / grid)) * grid


def _reduced(width: int, height: int) -> tuple[int, int]:
    common = math.gcd(width, height)
    return width // common, height // common


def _ratio(text: str) -> tuple[int, int]:
    across, _colon, down = text.partition(":")
    return int(across), int(down)
