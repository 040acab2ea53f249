"""Pictures for the placeholder engine: hills under a sky, in colours and shapes that a text and a seed decide, with the
text at their foot. Pillow alone; the same values give the same pixels on one machine."""

import colorsys
import hashlib
import io
import math
import random
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

MAX_LINES = 5
LABEL = "DEMO"
# Tried by file name in the system's font folders, widest coverage first; the first that knows a text's letters is used.
FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "NotoSerifCJK-Regular.ttc",
    "NotoSerifCJK-Bold.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
    "malgun.ttf",
    "msgothic.ttc",
    "DroidSansFallback.ttf",
    "DroidSansFallbackFull.ttf",
    "unifont.ttf",
    "Arial Unicode.ttf",
    "DejaVuSans.ttf",
)


class Scene:
    """The result of a text and a seed: a palette, and a reproducible stream of numbers."""

    def __init__(self, text: str, seed: int) -> None:
        digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
        self.random = random.Random(digest)  # noqa: S311  for shapes, not for secrets
        hue = self.random.random()
        turn = self.random.choice((0.08, 0.12, 0.35, 0.5, 0.58))  # neighbours, complements, triads
        night = self.random.random() < 0.3
        self.top = _colour(hue, 0.55, 0.22 if night else 0.55)
        self.bottom = _colour(hue + turn, 0.65, 0.5 if night else 0.85)
        self.light = _colour(hue + turn, 0.25, 0.96)
        self.near = _colour(hue + turn / 3, 0.5, 0.1 if night else 0.16)
        self.far = _colour(hue + turn / 2, 0.45, 0.4 if night else 0.66)


def landscape(scene: Scene, size: tuple[int, int]) -> Image.Image:
    """Sky, a sun or moon with its glow, and hills that get darker as they come nearer."""
    width, height = size
    picture = _gradient(size, scene.top, scene.bottom)
    chance = scene.random
    centre = (int(width * chance.uniform(0.2, 0.8)), int(height * chance.uniform(0.18, 0.42)))
    radius = int(min(size) * chance.uniform(0.07, 0.13))
    for reach, strength in ((radius * 9, 110), (radius * 4, 130)):
        _paste_soft(picture, scene.light, centre, reach, strength)
    _paste_disc(picture, scene.light, centre, radius)
    layers = chance.randint(4, 6)
    for layer in range(layers):
        depth = layer / (layers - 1)
        base = height * (0.46 + 0.36 * depth)
        _paste_hills(picture, _between(scene.far, scene.near, depth**0.8), base, height * 0.10, chance)
        if layer < layers - 1:
            fog = Image.linear_gradient("L").resize(size).point(_share(0.16 * (1 - depth)))
            picture.paste(scene.bottom, (0, 0, width, height), fog)
    return picture


def tinted(scene: Scene, picture: Image.Image) -> Image.Image:
    """A picture in the scene's colours: what an edit without a mask looks like."""
    grey = ImageOps.autocontrast(ImageOps.grayscale(picture), cutoff=1)
    return ImageOps.colorize(grey, scene.near, scene.light, mid=scene.bottom)


def filled(scene: Scene, picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with a landscape where the mask (white = change) says so, its edge softened."""
    soft = mask.filter(ImageFilter.GaussianBlur(max(1, min(picture.size) // 200)))
    return Image.composite(landscape(scene, picture.size), picture, soft)


def with_insets(picture: Image.Image, others: list[Image.Image]) -> Image.Image:
    """Further input pictures, small, along the upper right edge."""
    side, gap = min(picture.size) // 6, min(picture.size) // 40
    for index, other in enumerate(others):
        small = ImageOps.fit(other.convert("RGB"), (side, side))
        framed = ImageOps.expand(small, max(1, side // 24), "white")
        picture.paste(framed, (picture.width - framed.width - gap, gap + index * (framed.height + gap)))
    return picture


def captioned(picture: Image.Image, text: str) -> Image.Image:
    """The picture with a text on a dark veil at its foot, and the label that says that this is a demo."""
    width, height = picture.size
    letters = max(9, int(math.sqrt(width * height) / 24))
    margin = letters
    font, text = _font_for(_plain(text), letters)
    lines = list(_wrapped(text, font, width - 2 * margin))
    room = MAX_LINES if height >= 8 * letters else 1
    if len(lines) > room:
        lines = [*lines[: room - 1], f"{lines[room - 1]}…"]
    if lines:
        step = int(letters * 1.4)
        foot = min(height, step * len(lines) + 2 * margin)
        veil = Image.linear_gradient("L").resize((width, foot)).point([min(225, 90 + value) for value in range(256)])
        picture.paste((8, 10, 16), (0, height - foot, width, height), veil)
        pen = ImageDraw.Draw(picture)
        for index, line in enumerate(lines):
            pen.text((margin, height - foot + margin + index * step), line, font=font, fill=(255, 255, 255))
    _label(picture, letters)
    return picture


def as_png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=4)
    return out.getvalue()


def as_preview(picture: Image.Image, progress: float) -> bytes:
    """A small JPEG that gets sharper as `progress` goes to 1."""
    small = picture.copy()
    small.thumbnail((320, 320))
    small = small.filter(ImageFilter.GaussianBlur(18 * (1 - progress) ** 1.5))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=70)
    return out.getvalue()


# --- shapes -----------------------------------------------------------------------------------------------------------


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _share(part: float) -> list[int]:
    """A table that scales an 8-bit value."""
    return [int(value * part) for value in range(256)]


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    ramp = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
    return ImageOps.colorize(ramp, top, bottom)


def _paste_soft(picture: Image.Image, colour: Colour, centre: tuple[int, int], reach: int, strength: int) -> None:
    glow = ImageChops.invert(Image.radial_gradient("L").resize((2 * reach, 2 * reach), Image.Resampling.BICUBIC))
    # Pillow's gradient ends in the corners; ours must end at the edges, where it is 75.
    glow = glow.point(lambda value: int((max(0, value - 75) / 180) ** 2 * strength))
    picture.paste(colour, (centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach), glow)


def _paste_disc(picture: Image.Image, colour: Colour, centre: tuple[int, int], radius: int) -> None:
    large = Image.new("L", (radius * 8, radius * 8))
    ImageDraw.Draw(large).ellipse((0, 0, radius * 8 - 1, radius * 8 - 1), fill=255)
    disc = large.resize((2 * radius, 2 * radius), Image.Resampling.LANCZOS)  # drawn larger: smooth edges
    picture.paste(colour, (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius), disc)


def _paste_hills(picture: Image.Image, colour: Colour, base: float, rise: float, chance: random.Random) -> None:
    """A line of hills from edge to edge, the sum of three waves, everything below it filled."""
    width, height = picture.size
    waves = [(chance.uniform(0.6, 1.6) * 2**octave, chance.uniform(0, math.tau), 0.55**octave) for octave in range(3)]
    points = [
        (x * 2, 2 * (base - rise * sum(a * math.sin(f * math.tau * x / width + p) for f, p, a in waves)))
        for x in range(0, width + 4, 4)
    ]
    mask = Image.new("L", (2 * width, 2 * height))
    ImageDraw.Draw(mask).polygon([*points, (2 * width + 8, 2 * height), (0, 2 * height)], fill=255)
    picture.paste(colour, (0, 0, width, height), mask.resize((width, height), Image.Resampling.BOX))


def _label(picture: Image.Image, letters: int) -> None:
    font = _default_font(max(8, int(letters * 0.7)))
    pad, wide = letters // 2, int(font.getlength(LABEL))
    box = (pad, pad, wide + 3 * pad, int(letters * 0.7) + 2 * pad)
    if box[2] >= picture.width or box[3] >= picture.height:
        return
    sheet = Image.new("L", picture.size)
    ImageDraw.Draw(sheet).rounded_rectangle(box, radius=letters // 3, fill=150)
    picture.paste((8, 10, 16), (0, 0, *picture.size), sheet)
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    ImageDraw.Draw(picture).text(middle, LABEL, font=font, fill=(255, 255, 255), anchor="mm")


# --- letters ----------------------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """One line, without control characters."""
    return " ".join("".join(" " if unicodedata.category(char).startswith("C") else char for char in text).split())


def _font_for(text: str, letters: int) -> tuple[Font, str]:
    """The font that knows most of the text's letters, and the text without those that it does not know."""
    best, known = _default_font(letters), _known(_default_font(letters), text)
    for name in FONTS:
        if len(known) == len(set(text)):
            break
        font = _system_font(name, letters)
        if font is not None and len(letters_known := _known(font, text)) > len(known):
            best, known = font, letters_known
    return best, _plain("".join(char for char in text if char in known))


def _known(font: Font, text: str) -> set[str]:
    """The letters of the text that the font can draw; others look like a code point that no font has."""
    missing = bytes(font.getmask("\U0010ffff"))
    return {char for char in set(text) if char.isspace() or bytes(font.getmask(char)) != missing}


@lru_cache(maxsize=16)
def _default_font(letters: int) -> Font:
    return ImageFont.load_default(letters)


@lru_cache(maxsize=64)
def _system_font(name: str, letters: int) -> Font | None:
    try:
        return ImageFont.truetype(name, letters)
    except OSError:
        return None  # not on this machine; the next name is tried


def _wrapped(text: str, font: Font, width: int) -> Iterator[str]:
    """Lines that fit: broken at spaces, and between the letters of scripts without spaces."""
    line = ""
    pieces = _pieces(text)
    for piece in pieces:
        if line and font.getlength((line + piece).rstrip()) > width:
            yield line.rstrip()
            line = piece.lstrip()
        else:
            line += piece
    if line.strip():
        yield line.rstrip()


def _pieces(text: str) -> list[str]:
    """Words with the space behind them; wide letters, and the parts of very long words, stand alone."""
    cuts = [0]
    for index, (before, after) in enumerate(pairwise(text), start=1):
        wide = "W" in (unicodedata.east_asian_width(before), unicodedata.east_asian_width(after))
        if (before == " " and after != " ") or (wide and after != " ") or index - cuts[-1] >= 24:
            cuts.append(index)
    return [text[start:end] for start, end in pairwise([*cuts, len(text)])]
