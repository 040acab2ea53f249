"""The sizes that a form offers for a model: shapes in resolutions, only such as it can draw. No network."""

import math
from typing import Any

from django.utils.translation import gettext as _

from imagegen.capabilities import TIERS, Capabilities
from imagegen.image_request import sides

SHAPES = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))  # offered where any size can be drawn
USUAL = "1K"  # the tier that is chosen first
GRID = 64  # pixels that both sides of an offered size are multiples of
ALIKE = 0.25  # logarithm of the factor between two shapes that stand for each other: 3:2 for 16:9, not 1:1 for 4:3


def of_shape(can: Capabilities, shape: str, standard: str) -> str:
    """The `WxH` of this model that is nearest to a `W:H`; empty where it draws nothing like that.

    `standard` is the engine's own size, which says how many pixels are usual.
    """
    wanted = math.log(_quotient(shape))
    groups = size_groups(can, standard)
    usual = next((group for group in groups if group["usual"]), groups[0])
    distances = [(abs(math.log(size["width"] / size["height"]) - wanted), size["value"]) for size in usual["sizes"]]
    distance, size = min(distances, default=(math.inf, ""))
    return size if distance <= ALIKE else ""


def _quotient(shape: str) -> float:
    width, height = _ratio(shape)
    return width / height


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
