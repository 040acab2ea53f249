"""Pictures as bytes: content type, size, scaling. A worker of `chat.decoding` decodes them, never this process.

This process reads no more than a few kilobytes of a header, for the size.
"""

import io
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from chat.decoding import pool, refusals
from chat.decoding.formats import EXTENSIONS, MAX_SIDE, sniff
from chat.decoding.pool import Content, TaskResult
from chat.decoding.refusals import NotDecoded
from providers.errors import BadRequest, CallerError, TooLarge
from providers.sentences import sentence as _

__all__ = ["EXTENSIONS", "Facts", "decoded", "for_model", "measure", "sniff", "thumbnail", "unreadable"]

HEAD = 16 * 1024  # bytes of a header that are read here
# Kinds of which Pillow reads the size from these bytes; others are opened whole, and by a worker.
_PLAIN = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/bmp": "BMP"}


@dataclass(frozen=True, slots=True)
class Facts:
    content_type: str
    width: int
    height: int


def measure(content: Content, head: bytes = b"") -> Facts:
    """Type and size from the header. Raises BadRequest (unreadable), TooLarge (too many pixels), Unavailable."""
    head = (head or (content if isinstance(content, bytes) else content()))[:HEAD]
    kind = sniff(head)
    size = _size_in(head, kind)
    if size is None:
        values = decoded("measure", content).values
        return Facts(kind, values["width"], values["height"])
    if size[0] * size[1] > settings.PICTURE_MAX_PIXELS or max(size) > MAX_SIDE:
        raise _too_many_pixels()
    return Facts(kind, *size)


def thumbnail(content: Content, width: int, *, patience: float = pool.PATIENCE) -> bytes:
    """A WebP at most `width` pixels wide, upright, without metadata; never larger than the original.

    Raises BadRequest (unreadable), TooLarge, and Unavailable after so many seconds in the queue.
    """
    return decoded("thumbnail", content, patience=patience, width=width).content


def for_model(content: Content) -> bytes | None:
    """The picture as models take it: PNG, JPEG, WebP or GIF, one frame, upright, not too large; None where it is that.

    Raises BadRequest (unreadable), TooLarge, Unavailable.
    """
    answer = decoded("for_model", content)
    return None if answer.values.get("same") else answer.content


def decoded(task: str, content: Content, *, patience: float = pool.PATIENCE, **options: Any) -> TaskResult:
    """The result of a worker's task for a picture. Raises BadRequest, TooLarge, Unavailable."""
    try:
        return pool.run(task, content, patience=patience, pixels=settings.PICTURE_MAX_PIXELS, **options)
    except NotDecoded as refused:
        raise _error(refused.code) from refused


def unreadable() -> BadRequest:
    return BadRequest(_("This file is damaged, or it is not a picture."), param="image", code="invalid_image")


def _size_in(head: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height; None where the beginning does not tell."""
    if kind not in _PLAIN:
        return None
    from PIL import Image

    try:
        with Image.open(io.BytesIO(head), formats=[_PLAIN[kind]]) as image:
            return image.size
    except Exception:  # any error: the worker then reports what is wrong
        return None


def _error(code: str) -> CallerError:
    match code:
        case refusals.TOO_MANY_PIXELS:
            return _too_many_pixels()
        case refusals.TOO_LARGE:
            message = _("This picture is too large to be read. Send a smaller copy.")
            return TooLarge(message, param="image", code="picture_too_large")
        case refusals.NO_HEIF:
            return BadRequest(_("HEIC pictures are not supported here. Send JPEG or PNG instead."), param="image")
    return unreadable()


def _too_many_pixels() -> TooLarge:
    count = {"count": settings.PICTURE_MAX_PIXELS // 1_000_000}
    message = _("This picture has too many pixels: at most %(count)d megapixels.") % count
    return TooLarge(message, param="image", code="picture_too_large")
