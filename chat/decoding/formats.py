"""Kinds of pictures, recognised by their first bytes, and their bounds. Imports nothing: workers read it too."""

import re

SVG = "image/svg+xml"
MAX_SIDE = 30_000  # pixels
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
    SVG: "svg",
}
_SVG = re.compile(  # atomic groups: a series of comments must not be backtracked into
    rb"\s*(?><\?xml[^>]*\?>\s*)?(?><!--.*?-->\s*|<!doctype[^>]*>\s*)*<svg[\s/>]", re.IGNORECASE | re.DOTALL
)


def is_raster(content_type: str) -> bool:
    """Whether this is a raster format, which can be measured and scaled; SVG is not."""
    return content_type.startswith("image/") and content_type != SVG


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
    return SVG if _SVG.match(content[:1024].removeprefix(b"\xef\xbb\xbf")) else ""
