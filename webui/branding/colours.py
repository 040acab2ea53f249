"""Colours made from one accent, so that text stays readable whatever an administrator chooses.

Contrast is WCAG 2's: 4.5 for text, 3 for lines and icons. `static/css/common/tokens.css` holds what `tokens` returns
for the accent that the site comes with; a test compares them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

Rgb = tuple[int, int, int]

WRITTEN = re.compile(r"#[0-9a-fA-F]{6}")
DEFAULT_ACCENT = "#0b6471"
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
READABLE, DISCERNIBLE = 4.5, 3.0
STEP = 0.02  # of the way to black or white, per try


@dataclass(frozen=True, slots=True)
class Theme:
    """The surfaces of the light or the dark page that accents stand on, as tokens.css has them."""

    surfaces: tuple[Rgb, ...]  # the first is the page
    towards: Rgb  # black or white: colours with too little contrast move there
    fill: float  # the minimum contrast of a button with the page
    soft: float  # how much of the accent is in its soft background


LIGHT = Theme(
    surfaces=((0xFD, 0xFC, 0xFA), (0xF6, 0xF4, 0xEF), (0xEF, 0xEC, 0xE5), (0xED, 0xEA, 0xE3)),
    towards=BLACK,
    fill=1.5,
    soft=0.10,
)
DARK = Theme(
    surfaces=((0x1A, 0x19, 0x17), (0x22, 0x20, 0x1E), (0x2B, 0x29, 0x26), (0x34, 0x31, 0x2D)),
    towards=WHITE,
    fill=3.0,
    soft=0.20,
)


def tokens(accent: str) -> dict[str, str]:
    """`{"--accent": "light-dark(#0b6471, #7fc4cd)", …}` for a colour such as `#0b6471`."""
    light, dark = by_theme(accent)
    return {name: f"light-dark({light[name]}, {dark[name]})" for name in light}


def by_theme(accent: str) -> tuple[dict[str, str], dict[str, str]]:
    """The tokens of the light page and of the dark one, `{"--accent": "#0b6471", …}`."""
    light, dark = (_of_theme(parsed(accent), theme) for theme in (LIGHT, DARK))
    return {name: written(light[name]) for name in light}, {name: written(dark[name]) for name in dark}


def _of_theme(accent: Rgb, theme: Theme) -> dict[str, Rgb]:
    fill = _away(accent, theme.towards, lambda colour: contrast(colour, theme.surfaces[0]) >= theme.fill)
    soft = mixed(theme.surfaces[0], accent, theme.soft)
    stands_on = (*theme.surfaces, soft)
    text = _away(
        accent, theme.towards, lambda colour: min(contrast(colour, behind) for behind in stands_on) >= READABLE
    )
    on_fill = on(fill)
    return {
        "--accent": text,
        "--accent-hover": mixed(text, theme.towards, 0.25),
        "--accent-soft": soft,
        "--accent-fill": fill,
        "--accent-fill-hover": mixed(fill, WHITE if on_fill == BLACK else BLACK, 0.15),
        "--on-accent": on_fill,
    }


def on(background: Rgb) -> Rgb:
    """Black or white, whichever has the higher contrast with this colour. It is always enough for text."""
    return max((BLACK, WHITE), key=lambda colour: contrast(colour, background))


def _away(colour: Rgb, towards: Rgb, is_enough: Callable[[Rgb], bool]) -> Rgb:
    """The colour, moved `towards` black or white in steps until it `is_enough`."""
    share = 0.0
    result = colour
    while share < 1 and not is_enough(result):
        share += STEP
        result = mixed(colour, towards, share)
    return result


def mixed(first: Rgb, second: Rgb, share: float) -> Rgb:
    """The first colour mixed with this share of the second."""
    red, green, blue = (round(a + (b - a) * min(1.0, share)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def contrast(first: Rgb, second: Rgb) -> float:
    """From 1 to 21, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        channel / 255 / 12.92 if channel <= 10 else ((channel / 255 + 0.055) / 1.055) ** 2.4 for channel in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def check(text: str) -> None:
    """Raises ValueError for what is not `#rrggbb`."""
    if text and not WRITTEN.fullmatch(text):
        raise ValueError(text)


def normal(text: str) -> str:
    """The stored form of an accent: in lower case, and empty for the default accent."""
    accent = text.lower()
    return "" if accent == DEFAULT_ACCENT else accent


def parsed(text: str) -> Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def written(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def shades(accent: str) -> dict[str, str]:
    """The accent from light to dark, by the names of Unfold's palette; on 600 and darker, white is readable."""
    middle = _of_theme(parsed(accent), LIGHT)["--accent"]
    lighter = {"50": 0.95, "100": 0.9, "200": 0.8, "300": 0.65, "400": 0.48, "500": 0.25, "600": 0.0}
    darker = {"700": 0.22, "800": 0.38, "900": 0.55, "950": 0.7}
    return {name: written(mixed(middle, WHITE, share)) for name, share in lighter.items()} | {
        name: written(mixed(middle, BLACK, share)) for name, share in darker.items()
    }
