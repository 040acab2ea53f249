"""The picture of an assistant: what was uploaded becomes a small PNG of ours, without metadata."""

import hashlib

from django.core.files.base import File as DjangoFile

from chat.decoding import formats
from chat.files import pictures
from providers.errors import BadRequest, TooLarge
from providers.sentences import sentence as _

MOST_BYTES = 5 * 1024 * 1024  # of an upload
WIDTH = 160  # pixels of what is kept: twice what pages show
LONGEST = 4  # times as long as broad


def checked(upload: DjangoFile) -> bytes:
    """The picture as it is stored. It waits for a worker process: call it outside transactions.

    Raises TooLarge, BadRequest, and Unavailable.
    """
    content = upload.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TooLarge(_("This picture is too large: at most 5 MB."), code="picture_too_large", param="picture")
    if not formats.is_raster(pictures.sniff(content)):
        raise BadRequest(_("This is no picture: choose a PNG, JPEG or WebP."), code="invalid_picture", param="picture")
    small = pictures.thumbnail(content, WIDTH)
    facts = pictures.measure(small)
    if max(facts.width, facts.height) > LONGEST * min(facts.width, facts.height):
        raise BadRequest(_("This picture is too wide or too tall."), code="invalid_picture", param="picture")
    return bytes(pictures.decoded("convert", small, content_type="image/png").content)


def digest_of(picture: bytes) -> str:
    return hashlib.sha256(picture).hexdigest()[:16] if picture else ""
