"""Pictures as bytes: content type, size, scaling. Pure functions; Pillow is imported when needed.

The size is read from the header before anything is decoded, so that a file that unpacks into gigabytes is refused.
"""

import io
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from providers.errors import BadRequest, TooLarge

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 50_000_000  # of a picture that we decode: 200 MB as RGBA
MAX_SIDE = 30_000
THUMBNAIL_QUALITY = 80
MODEL_SIDE = 2048  # pixels: models scale larger pictures down themselves
MODEL_BYTES = 4_000_000  # of one picture for a model: under the limit of every provider that says one
MODEL_QUALITY = 85
MODEL_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")  # what models take
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/svg+xml": "svg",
}
_FORMATS = {  # what Pillow may open: few decoders, small surface
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",  # with the pillow-heif plugin
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}
_SVG = re.compile(  # atomic groups: a series of comments must not be backtracked into
    rb"\s*(?><\?xml[^>]*\?>\s*)?(?><!--.*?-->\s*|<!doctype[^>]*>\s*)*<svg[\s/>]", re.IGNORECASE | re.DOTALL
)
# What Pillow raises for broken files, besides its own errors: its decoders do not check all that they read.
BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error)


@dataclass(frozen=True, slots=True)
class Facts:
    content_type: str
    width: int
    height: int


def sniff(content: bytes) -> str:
    """The content type by the first bytes; empty when these are not a picture."""
    head = content[:32]
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":
        return "image/bmp"
    if head.startswith((b"II*\0", b"MM\0*")):
        return "image/tiff"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"avif", b"avis"):
            return "image/avif"
        if brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"):
            return "image/heic"
    return "image/svg+xml" if _SVG.match(content[:1024].removeprefix(b"\xef\xbb\xbf")) else ""


def measure(content: bytes) -> Facts:
    """Type and size from the header. Raises BadRequest (unreadable), TooLarge (too many pixels)."""
    with opened(content) as image:
        return Facts(sniff(content), *image.size)


def thumbnail(content: bytes, width: int) -> bytes:
    """A WebP at most `width` pixels wide, upright, without metadata; never larger than the original."""
    from PIL import ImageOps
    from PIL.Image import Resampling

    with opened(content) as image:
        try:
            image.draft("RGB", (width, width * 4))  # a JPEG is decoded at a fraction of its size
            small = ImageOps.exif_transpose(image)
            small = _eight_bits(small)
            small.thumbnail((width, MAX_SIDE), Resampling.LANCZOS)
            return encoded(small, "image/webp")
        except BROKEN as error:
            raise unreadable() from error


def for_model(content: bytes) -> bytes:
    """The picture as models take it: PNG, JPEG, WebP or GIF, one frame, upright, not too large.

    A picture that is all that already is returned unchanged, unless it has EXIF data: cameras write the location there.
    """
    from PIL import ImageOps
    from PIL.Image import Resampling

    kind = sniff(content)
    with opened(content) as image:
        try:
            fits = len(content) <= MODEL_BYTES and max(image.size) <= MODEL_SIDE
            if fits and kind in MODEL_TYPES and not image.getexif() and not getattr(image, "is_animated", False):
                return content
            image.draft("RGB", (MODEL_SIDE, MODEL_SIDE))
            scaled = _eight_bits(ImageOps.exif_transpose(image))
            scaled.thumbnail((MODEL_SIDE, MODEL_SIDE), Resampling.LANCZOS)
            if kind != "image/jpeg" and len(exact := encoded(scaled, "image/png")) <= MODEL_BYTES:
                return exact
            out = io.BytesIO()
            _on_white(scaled).save(out, "JPEG", quality=MODEL_QUALITY)
            return out.getvalue()
        except BROKEN as error:
            raise unreadable() from error


# --- Pillow -----------------------------------------------------------------------------------------------------------


def opened(content: bytes) -> "Image":
    """The image, not decoded yet, if its header names an acceptable size. Raises BadRequest, TooLarge."""
    from PIL import Image

    kind = sniff(content)
    if kind not in _FORMATS:
        raise unreadable()
    if kind == "image/heic":
        _learn_heif()
    try:
        image = Image.open(io.BytesIO(content), formats=[_FORMATS[kind]])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bomb() from error
    except BROKEN as error:
        raise unreadable() from error
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        image.close()
        raise _bomb()
    return image


def encoded(image: "Image", content_type: str) -> bytes:
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


def _eight_bits(image: "Image") -> "Image":
    """Greyscale of 16 bits scaled to 8: Pillow's own conversion would clip it."""
    return image.convert("I").point(lambda value: value / 256).convert("L") if image.mode.startswith("I;16") else image


def _on_white(image: "Image") -> "Image":
    """The image without transparency, which a JPEG would show as black."""
    from PIL import Image

    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


def _learn_heif() -> None:
    """HEIC needs a plugin that is not among our dependencies: in some countries its codec is patented."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise BadRequest(_("HEIC pictures are not supported here. Send JPEG or PNG instead."), param="image") from error
    register_heif_opener()


def _bomb() -> TooLarge:
    message = _("This picture has too many pixels: at most %(count)d megapixels.") % {"count": MAX_PIXELS // 1_000_000}
    return TooLarge(message, param="image", code="picture_too_large")


def unreadable() -> BadRequest:
    return BadRequest(_("This file is damaged, or it is not a picture."), param="image", code="invalid_image")
