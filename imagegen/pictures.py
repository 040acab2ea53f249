"""Pictures for engines: converted where needed, masks, data URLs. `chat.files.pictures` reads and writes formats."""

import re
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from chat.files.pictures import BROKEN, EXTENSIONS, Facts, encoded, measure, opened, sniff, thumbnail, unreadable
from imagegen import embedded
from imagegen.picture_request import InputPicture
from providers.errors import BadRequest, TooLarge

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "EXTENSIONS",
    "Facts",
    "accept",
    "accept_mask",
    "data_url",
    "fitted",
    "from_data_url",
    "measure",
    "sniff",
    "thumbnail",
    "too_large",
    "white_where_it_changes",
]

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)


def accept(content: bytes, *, name: str = "") -> InputPicture:
    """An uploaded picture, upright and in a format that models take.

    PNG, JPEG, WebP and GIF stay unchanged, unless a camera's rotation has to be applied; AVIF, HEIC, BMP and TIFF
    become PNG. Raises BadRequest or TooLarge. The picture is decoded, so that a broken file fails here and not at the
    provider.
    """
    from PIL import ImageOps

    with opened(content) as image:
        kind = sniff(content)
        try:
            turned = image.getexif().get(0x0112, 1) not in (0, 1)
            if not turned and kind in ("image/png", "image/jpeg", "image/webp", "image/gif"):
                image.load()
                return InputPicture(content, kind, *image.size, name)
            upright = ImageOps.exif_transpose(image)
            target = "image/jpeg" if kind == "image/jpeg" else "image/png"
            return InputPicture(encoded(upright, target), target, *upright.size, name)
        except BROKEN as error:
            raise unreadable() from error


def fitted(picture: InputPicture, types: tuple[str, ...]) -> InputPicture:
    """The picture in one of these content types: itself, or a PNG of it (the first frame of an animation)."""
    if not types or picture.content_type in types:
        return picture
    target = "image/png" if "image/png" in types else types[0]
    with opened(picture.content) as image:
        return InputPicture(encoded(image, target), target, *image.size, picture.name)


# --- masks ------------------------------------------------------------------------------------------------------------
# In our masks, as in OpenAI's and ComfyUI's, transparent pixels change; in AUTOMATIC1111's white pixels do.


def accept_mask(content: bytes, picture: InputPicture) -> InputPicture:
    """A mask for this picture, as PNG with alpha. Raises BadRequest (param `mask`) when it marks nothing or does not
    fit.
    """
    try:
        with opened(content) as image:
            if image.size != (picture.width, picture.height):
                sizes = {"mask": f"{image.width}x{image.height}", "picture": f"{picture.width}x{picture.height}"}
                raise BadRequest(
                    _("The mask is %(mask)s, the picture %(picture)s: they must have the same size.") % sizes,
                    param="mask",
                )
            alpha = _alpha(image)
            if alpha is None or alpha.getextrema() == (255, 255):
                raise BadRequest(
                    _("The mask has no transparent part: transparent pixels are what changes."), param="mask"
                )
            if sniff(content) != "image/png" or image.mode not in ("RGBA", "LA"):
                content = encoded(image.convert("RGBA"), "image/png")
            return InputPicture(content, "image/png", *image.size, "mask.png")
    except BROKEN as error:
        raise BadRequest(_("This file is damaged, or it is not a picture."), param="mask") from error


def white_where_it_changes(mask: InputPicture) -> bytes:
    """The mask as a greyscale PNG, white for pixels that change: its transparency inverted."""
    from PIL import Image, ImageChops

    with opened(mask.content) as image:
        alpha = _alpha(image) or Image.new("L", image.size, 255)
        return encoded(ImageChops.invert(alpha), "image/png")


def white_and_clear_where_it_changes(mask: InputPicture) -> bytes:
    """The mask as a PNG that marks pixels by transparency and by colour, for nodes that read one or the other."""
    from PIL import Image, ImageChops

    with opened(mask.content) as image:
        alpha = _alpha(image) or Image.new("L", image.size, 255)
        grey = ImageChops.invert(alpha)
        return encoded(Image.merge("RGBA", (grey, grey, grey, alpha)), "image/png")


def _alpha(image: "Image") -> "Image | None":
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return image.convert("RGBA").getchannel("A")
    return None


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
