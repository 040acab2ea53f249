"""A request for pictures as an engine gets it, validated: a `ImageRequest` that exists is well formed.

Whether an engine can express it is decided by `Engine.prepare`, whether the person may draw by `access`. Input pictures
are bytes here; names and URLs were resolved before by `inputs`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from providers.errors import BadRequest
from providers.sentences import sentence as _

MAX_PROMPT = 32_000  # characters; the longest that a provider takes: docs/upstreams/openai.md, “Image generation”
MAX_PICTURES = 10  # per request
MAX_INPUTS = 16  # input pictures per request
MAX_STEPS = 500
MAX_PREVIEWS = 3  # `partial_images` in docs/upstreams/openai.md, “Image generation”
MAX_SEED = 2**64 - 1
MIN_SIDE, MAX_SIDE, MAX_PIXELS = 16, 8192, 2**25  # pixels

AUTO = "auto"
_SIZE = re.compile(r"([0-9]{1,5})\s*[xX×]\s*([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class InputPicture:
    """An input picture or a mask. `content_type` is sniffed from the bytes, never taken from the sender."""

    content: bytes = field(repr=False)
    content_type: str  # image/png, image/jpeg, image/webp, image/gif, …
    width: int = 0
    height: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """A request for 1 to 10 pictures. With `images` it is an edit. Raises BadRequest, naming `param`, for wrong values.

    `size` is `WxH`, `auto` or empty (the engine's default); `steps` and `seed` are None when they were not chosen.
    Fully transparent pixels of `mask` mark what changes; it has the size of the first picture.
    `previews` is the number of partial pictures that will be shown; None leaves it to the engine. They cost tokens.
    `params` are the model's own parameters (quality, background, …), sent unchanged.
    """

    prompt: str
    model: str = ""
    n: int = 1
    size: str = ""
    steps: int | None = None
    seed: int | None = None
    negative_prompt: str = ""
    previews: int | None = None
    images: tuple[InputPicture, ...] = field(default=(), repr=False)
    mask: InputPicture | None = field(default=None, repr=False)
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise BadRequest(_("Say what the picture should show."), param="prompt")
        for name in ("prompt", "negative_prompt"):
            if len(getattr(self, name)) > MAX_PROMPT:
                raise BadRequest(_("This text is too long: at most %d characters.") % MAX_PROMPT, param=name)
        _within("n", self.n, 1, MAX_PICTURES)
        _within("steps", self.steps, 1, MAX_STEPS)
        _within("seed", self.seed, 0, MAX_SEED)
        _within("partial_images", self.previews, 0, MAX_PREVIEWS)
        if self.size != normal_size(self.size):
            raise BadRequest(_("Write the size as 1024x768, or auto."), param="size")
        if len(self.images) > MAX_INPUTS:
            raise BadRequest(_("At most %d input pictures.") % MAX_INPUTS, param="image")
        if self.mask is not None and not self.images:
            raise BadRequest(_("A mask needs the picture that it belongs to."), param="mask")

    @property
    def is_edit(self) -> bool:
        return bool(self.images)

    @property
    def width(self) -> int | None:
        """The width in pixels; None when the size is `auto` or empty."""
        return sides(self.size)[0] if "x" in self.size else None

    @property
    def height(self) -> int | None:
        return sides(self.size)[1] if "x" in self.size else None

    def but(self, **changes: Any) -> Self:
        """A copy with some values changed, validated again."""
        return replace(self, **changes)

    def values(self) -> dict[str, Any]:
        """Everything but the pictures, for JSON: what a job stores. `from_values` is the inverse."""
        names = (member.name for member in fields(self))
        return {name: getattr(self, name) for name in names if name not in ("images", "mask")}

    @classmethod
    def from_values(
        cls, values: Mapping[str, Any], *, images: tuple[InputPicture, ...] = (), mask: InputPicture | None = None
    ) -> Self:
        """Read a JSON body or form fields: numbers may be text, None and "" mean not chosen, seed -1 means random.

        Unknown members are ignored. Raises BadRequest, naming the member.
        """
        steps, seed = _whole(values, "steps"), _whole(values, "seed")
        params = values.get("params") or {}
        if not isinstance(params, Mapping):
            raise BadRequest(_("This must be an object."), param="params")
        return cls(
            prompt=_text(values, "prompt"),
            model=_text(values, "model").strip(),
            n=1 if (n := _whole(values, "n")) is None else n,
            size=normal_size(_text(values, "size")),
            steps=steps or None,  # 0 means the engine's default
            seed=None if seed == -1 else seed,
            negative_prompt=_text(values, "negative_prompt"),
            previews=_whole(values, "previews"),
            images=images,
            mask=mask,
            params=dict(params),
        )


def normal_size(text: str) -> str:
    """`WxH`, `auto` or empty; raises BadRequest (param `size`) for anything else and for sizes out of bounds."""
    text = text.strip()
    if text == "" or text.lower() == AUTO:
        return text.lower()
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadRequest(_("Write the size as 1024x768, or auto."), param="size")
    width, height = int(match[1]), int(match[2])
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        message = _("A picture's sides are between %(low)d and %(high)d pixels, %(area)d megapixels at most.")
        raise BadRequest(message % {"low": MIN_SIDE, "high": MAX_SIDE, "area": MAX_PIXELS // 1_000_000}, param="size")
    return f"{width}x{height}"


def _within(name: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise BadRequest(_("This must be between %(low)d and %(high)d.") % {"low": low, "high": high}, param=name)


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(_("This must be text."), param=name)
    return value


def sides(size: str) -> tuple[int, int]:
    """Width and height of a `WxH`, in pixels."""
    width, _x, height = size.partition("x")
    return int(width), int(height)


def _whole(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(_("This must be a whole number."), param=name)
    return value
