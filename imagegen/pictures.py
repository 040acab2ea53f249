"""Pictures for engines: converted where needed, masks, data URLs. `chat.files.pictures` has them decoded."""

import re

from chat.decoding.formats import MODEL_TYPES
from chat.files.pictures import EXTENSIONS, Facts, decoded, measure, sniff, thumbnail
from imagegen import embedded
from imagegen.image_request import InputPicture
from providers.errors import BadRequest, TooLarge
from providers.sentences import sentence as _

__all__ = [
    "EXTENSIONS",
    "Facts",
    "accept",
    "accept_mask",
    "data_url",
    "fitted",
    "from_data_url",
    "measure",
    "pixels",
    "sniff",
    "thumbnail",
    "too_large",
    "white_where_it_changes",
]

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)


def accept(content: bytes, *, name: str = "") -> InputPicture:
    """An uploaded picture, upright and in a format that models take.

    PNG, JPEG, WebP and GIF stay unchanged, unless a camera's rotation has to be applied; AVIF, HEIC, BMP and TIFF
    become PNG. Raises BadRequest, TooLarge, Unavailable. The picture is decoded, so that a broken file fails here and
    not at the provider.
    """
    answer = decoded("accept", content, types=MODEL_TYPES)
    facts = answer.values
    taken = content if facts.get("same") else answer.content
    return InputPicture(taken, facts["type"], facts["width"], facts["height"], name)


def fitted(picture: InputPicture, types: tuple[str, ...]) -> InputPicture:
    """The picture in one of these content types: itself, or a PNG of it (the first frame of an animation).

    Raises as `accept` does.
    """
    if not types or picture.content_type in types:
        return picture
    target = "image/png" if "image/png" in types else types[0]
    answer = decoded("convert", picture.content, content_type=target)
    return InputPicture(answer.content, target, answer.values["width"], answer.values["height"], picture.name)


def pixels(content: bytes, *, side: int) -> tuple[tuple[int, int], bytes]:
    """Size and pixels (RGB, three bytes each) of a picture, scaled down where a side is longer than `side`.

    Raises as `accept` does.
    """
    answer = decoded("pixels", content, side=side)
    return (answer.values["width"], answer.values["height"]), answer.content


# --- masks ------------------------------------------------------------------------------------------------------------
# In our masks, as in OpenAI's and ComfyUI's, transparent pixels change; in AUTOMATIC1111's white pixels do.


def accept_mask(content: bytes, picture: InputPicture) -> InputPicture:
    """A mask for this picture, as PNG with alpha. Raises BadRequest (param `mask`) when it marks nothing or does not
    fit, TooLarge, Unavailable.
    """
    answer = decoded("mask", content)
    facts = answer.values
    if (facts["width"], facts["height"]) != (picture.width, picture.height):
        sizes = {"mask": f"{facts['width']}x{facts['height']}", "picture": f"{picture.width}x{picture.height}"}
        raise BadRequest(
            _("The mask is %(mask)s, the picture %(picture)s: they must have the same size.") % sizes, param="mask"
        )
    if not facts["marks"]:
        raise BadRequest(_("The mask has no transparent part: transparent pixels are what changes."), param="mask")
    taken = content if facts.get("same") else answer.content
    return InputPicture(taken, "image/png", facts["width"], facts["height"], "mask.png")


def white_where_it_changes(mask: InputPicture) -> bytes:
    """The mask as a greyscale PNG, white for pixels that change: its transparency inverted."""
    return decoded("mask_white", mask.content).content


def white_and_clear_where_it_changes(mask: InputPicture) -> bytes:
    """The mask as a PNG that marks pixels by transparency and by colour, for nodes that read one or the other."""
    return decoded("mask_white_and_clear", mask.content).content


# --- data URLs --------------------------------------------------------------------------------------------------------


def data_url(content: bytes, content_type: str = "") -> str:
    return f"data:{content_type or sniff(content)};base64,{embedded.encode(content)}"


def from_data_url(text: str, *, max_bytes: int) -> bytes:
    """The bytes of a base64 data URL; its type is ignored. Raises BadRequest, or TooLarge before it is decoded."""
    match = _DATA_URL.match(text, 0, 256)
    if match is None or not match[3]:
        raise BadRequest(_("This is not a data URL with base64 in it."), param="image")
    if (len(text) - match.end()) * 3 // 4 > max_bytes:
        raise too_large(max_bytes)
    content = embedded.picture_in(text)
    if content is None:
        raise BadRequest(_("The base64 in this data URL is broken."), param="image")
    return content


def too_large(max_bytes: int) -> TooLarge:
    message = _("This picture is too large: at most %(size)d MB.") % {"size": max_bytes // 2**20}
    return TooLarge(message, param="image", code="picture_too_large")
