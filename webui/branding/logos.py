"""Logos that administrators upload: PNG or WebP, kept as a small PNG of ours without metadata.

SVG is refused: it is a document with scripts and addresses, not a picture.
"""

from django.utils.translation import gettext as _

from chat.files import pictures
from providers.errors import BadRequest, TooLarge

MOST_BYTES = 1024 * 1024  # of an upload
WIDTH = 256  # pixels of what is kept
LONGEST = 4  # times as long as broad
TYPES = ("image/png", "image/webp")


def checked(content: bytes) -> bytes:
    """The logo as it is stored. It waits for a worker process: call it outside transactions.

    Raises BadRequest or TooLarge with words for the administrator, and Unavailable.
    """
    if len(content) > MOST_BYTES:
        raise TooLarge(_("This logo is too large: at most 1 MB."), code="logo_too_large")
    if pictures.sniff(content) not in TYPES:
        raise BadRequest(_("A logo is a PNG or a WebP picture."), code="invalid_logo")
    small = pictures.thumbnail(content, WIDTH)
    facts = pictures.measure(small)
    if max(facts.width, facts.height) > LONGEST * min(facts.width, facts.height):
        raise BadRequest(
            _("This logo is too wide or too tall: one side may be at most four times the other."), code="invalid_logo"
        )
    return bytes(pictures.decoded("convert", small, content_type="image/png").content)
