"""A worker's tasks for pictures. Each takes bytes and returns values and bytes; raises NotDecoded.

The size is read from the header before anything is decoded. Of an animation the first frame alone is decoded, and the
frames are not counted.
"""

import io
import math
import struct
import zlib
from typing import Any

from PIL import AvifImagePlugin, Image, ImageChops, ImageOps, UnidentifiedImageError
from PIL.Image import Resampling

from chat.decoding.formats import MAX_SIDE, MODEL_TYPES, sniff
from chat.decoding.refusals import NO_HEIF, TOO_MANY_PIXELS, UNREADABLE, NotDecoded

THUMBNAIL_QUALITY = 80
MODEL_SIDE = 2048  # pixels: models scale larger pictures down themselves
MODEL_BYTES = 4_000_000  # of one picture for a model: under the limit of every provider that says one
MODEL_QUALITY = 85
ORIENTATION = 0x0112  # the EXIF tag; from 5 on the sides are exchanged
FORMATS = {  # formats that Pillow may open: few decoders, small attack surface
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",  # with the pillow-heif plugin
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}
# Exceptions of Pillow for broken files, besides its own errors: its decoders do not check all that they read.
BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error)

TaskResult = tuple[dict[str, Any], bytes]


def measure(content: bytes, *, pixels: int) -> TaskResult:
    return _size(_opened(content, pixels)), b""


def thumbnail(content: bytes, *, pixels: int, width: int) -> TaskResult:
    """A WebP at most `width` pixels wide, upright, without metadata; never larger than the original."""
    image = _opened(content, pixels)
    try:
        return {}, _encoded(_upright(_reduced(image, width)), "image/webp")
    except BROKEN as error:
        raise NotDecoded(UNREADABLE) from error


def for_model(content: bytes, *, pixels: int) -> TaskResult:
    """The picture as models take it: PNG, JPEG, WebP or GIF, one frame, upright, not too large.

    `same`: it is all that already and has no EXIF data; cameras write the location there.
    """
    kind = sniff(content)
    image = _opened(content, pixels)
    try:
        fits = len(content) <= MODEL_BYTES and max(image.size) <= MODEL_SIDE
        if fits and kind in MODEL_TYPES and not image.getexif() and not getattr(image, "is_animated", False):
            return {"same": True}, b""
        small = _eight_bits(image)
        small.thumbnail((MODEL_SIDE, MODEL_SIDE), Resampling.LANCZOS)
        small = _upright(small)
        if kind != "image/jpeg" and len(exact := _encoded(small, "image/png")) <= MODEL_BYTES:
            return {}, exact
        out = io.BytesIO()
        _on_white(small).save(out, "JPEG", quality=MODEL_QUALITY)
        return {}, out.getvalue()
    except BROKEN as error:
        raise NotDecoded(UNREADABLE) from error


def accept(content: bytes, *, pixels: int, types: list[str]) -> TaskResult:
    """The picture upright, in one of these types, else as PNG; `same`: no change was needed. It is decoded in any case,
    so that a broken file fails here.
    """
    kind = sniff(content)
    image = _opened(content, pixels)
    try:
        if kind in types and image.getexif().get(ORIENTATION, 1) in (0, 1):
            image.load()
            return {"same": True, "type": kind, **_size(image)}, b""
        upright = _upright(image)
        target = "image/jpeg" if kind == "image/jpeg" else "image/png"
        return {"type": target, **_size(upright)}, _encoded(upright, target)
    except BROKEN as error:
        raise NotDecoded(UNREADABLE) from error


def convert(content: bytes, *, pixels: int, content_type: str) -> TaskResult:
    """The picture, or the first frame of an animation, in another type."""
    image = _opened(content, pixels)
    try:
        return _size(image), _encoded(image, content_type)
    except BROKEN as error:
        raise NotDecoded(UNREADABLE) from error


def pixels(content: bytes, *, pixels: int, side: int) -> TaskResult:
    """The pixels as RGB, three bytes each, scaled down where a side is longer than `side`."""
    image = _opened(content, pixels)
    try:
        image.thumbnail((side, side), Resampling.LANCZOS)
        plain = image.convert("RGBA").convert("RGB")
        return _size(plain), plain.tobytes()
    except BROKEN as error:
        raise NotDecoded(UNREADABLE) from error


# --- masks: in ours transparent pixels change, in AUTOMATIC1111's white ones do ---------------------------------------


def mask(content: bytes, *, pixels: int) -> TaskResult:
    """A mask as PNG with alpha; `same`: no change was needed. `marks`: whether any pixel is not opaque."""
    image = _opened(content, pixels)
    try:
        alpha = _alpha(image)
        values = {"marks": alpha is not None and alpha.getextrema() != (255, 255), **_size(image)}
        if sniff(content) == "image/png" and image.mode in ("RGBA", "LA"):
            return {"same": True, **values}, b""
        return values, _encoded(image.convert("RGBA"), "image/png")
    except BROKEN as error:
        raise NotDecoded(UNREADABLE) from error


def mask_white(content: bytes, *, pixels: int) -> TaskResult:
    """A greyscale PNG of the mask, white for pixels that change: its transparency inverted."""
    image = _opened(content, pixels)
    alpha = _alpha(image) or Image.new("L", image.size, 255)
    return {}, _encoded(ImageChops.invert(alpha), "image/png")


def mask_white_and_clear(content: bytes, *, pixels: int) -> TaskResult:
    """A PNG that marks pixels by transparency and by colour, for nodes that read one or the other."""
    image = _opened(content, pixels)
    alpha = _alpha(image) or Image.new("L", image.size, 255)
    grey = ImageChops.invert(alpha)
    return {}, _encoded(Image.merge("RGBA", (grey, grey, grey, alpha)), "image/png")


# --- Pillow -----------------------------------------------------------------------------------------------------------


def _opened(content: bytes, pixels: int) -> Image.Image:
    """The image, not decoded yet, if its header names an acceptable size."""
    kind = sniff(content)
    if kind not in FORMATS:
        raise NotDecoded(UNREADABLE)
    if kind == "image/heic":
        _learn_heif()
    Image.MAX_IMAGE_PIXELS = None  # ours is checked below
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # their stacks would count as memory: one for each processor
    try:
        image = Image.open(io.BytesIO(content), formats=[FORMATS[kind]])
    except (UnidentifiedImageError, *BROKEN) as error:
        raise NotDecoded(UNREADABLE) from error
    if image.width * image.height > pixels or max(image.size) > MAX_SIDE:
        raise NotDecoded(TOO_MANY_PIXELS)
    return image


def _size(image: Image.Image) -> dict[str, Any]:
    return {"width": image.width, "height": image.height}


def _reduced(image: Image.Image, width: int) -> Image.Image:
    """Scaled to this width as it will be seen. A JPEG is decoded at a fraction of its size (`Image.draft`)."""
    seen = image.height if image.getexif().get(ORIENTATION, 1) >= 5 else image.width
    share = min(1.0, width / seen)
    small = _eight_bits(image)
    small.thumbnail((math.ceil(image.width * share), math.ceil(image.height * share)), Resampling.LANCZOS)
    return small


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera was held; without a copy where nothing has to be turned."""
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _encoded(image: Image.Image, content_type: str) -> bytes:
    """The image in this format, without metadata; colour modes that the format lacks are converted."""
    out = io.BytesIO()
    if content_type == "image/jpeg":
        image.convert("RGB").save(out, "JPEG", quality=95, subsampling=0)
    elif content_type == "image/webp":
        has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        image.convert("RGBA" if has_alpha else "RGB").save(out, "WEBP", quality=THUMBNAIL_QUALITY, method=2)
    else:
        plain = image if image.mode in ("1", "L", "LA", "RGB", "RGBA") else _eight_bits(image).convert("RGBA")
        plain.save(out, "PNG", compress_level=3)
    return out.getvalue()


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greyscale of 16 bits scaled to 8: Pillow's own conversion would clip it."""
    if not image.mode.startswith("I;16"):
        return image
    native = image if image.mode == "I;16" else image.convert("I")
    return native.point(lambda value: value / 256).convert("L")


def _alpha(image: Image.Image) -> Image.Image | None:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return image.convert("RGBA").getchannel("A")
    return None


def _on_white(image: Image.Image) -> Image.Image:
    """The image without transparency, which a JPEG would show as black."""
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


def _learn_heif() -> None:
    """HEIC needs a plugin that is not among our dependencies: in some countries its codec is patented."""
    try:
        from pillow_heif import options, register_heif_opener
    except ImportError as error:
        raise NotDecoded(NO_HEIF) from error
    options.DECODE_THREADS = 1
    register_heif_opener()
