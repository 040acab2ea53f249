"""An engine that draws on this server: the first pictures of a new installation, and pictures for tests.

The prompt decides the colours and is written on the picture, with a label that says that this is a demo.
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

from imagegen import pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import engine_fields
from imagegen.engines.base import Engine, EngineConfig, EngineField, EngineFinding, Run
from imagegen.engines.events import Event, Picture, Progress
from imagegen.image_request import MAX_SEED, ImageRequest
from providers.sentences import sentence as _

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_SIZE = (768, 768)
LARGEST_SIDE = 2048  # of an input picture, to which larger ones are reduced
STEPS = 8
STEP_SECONDS = 0.1  # long enough to be seen


class Placeholder(Engine):
    name = "placeholder"
    label = gettext_lazy("Demo")
    help = gettext_lazy("Draws a landscape with the prompt written on it, on this server. Needs no key and no model.")
    fields = (
        engine_fields.SIZE,
        replace(engine_fields.STEPS, default=STEPS),
        EngineField("step_seconds", gettext_lazy("Seconds per step"), kind="number", default=STEP_SECONDS, option=True),
    )
    demo = labels_pictures = True

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        return Capabilities(
            edit=True,
            mask=True,
            max_inputs=4,
            negative_prompt=True,
            steps=True,
            seed=True,
            auto=True,
            max_side=4096,
            max_pixels=2**23,
            input_types=(),
        )

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return False

    def draw(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        from imagegen.engines import scenery  # here: it loads Pillow, which few processes need

        first = secrets.randbelow(2**32) if request.seed is None else request.seed
        steps = request.steps or STEPS
        seconds = float(config.options.get("step_seconds", STEP_SECONDS))
        for number in range(request.n):
            seed = (first + number) % (MAX_SEED + 1)
            image = _painted(request, seed)
            for step in range(1, steps + 1):
                run.sleep(seconds)
                yield Progress(
                    step=number * steps + step,
                    total=request.n * steps,
                    fraction=(number + step / steps) / request.n,
                    preview=scenery.as_preview(image, step / steps),
                    preview_type="image/jpeg",
                )
            run.check()
            yield Picture(
                content=scenery.as_png(scenery.captioned(image, request.prompt)),
                seed=seed,
                model=self.name,
                provenance={"demo": True, "size": f"{image.width}x{image.height}"},
            )

    def check(self, config: EngineConfig) -> EngineFinding:
        return EngineFinding(_("Draws on this server, without a model."))


def _painted(request: ImageRequest, seed: int) -> "Image":
    """The picture before its caption: a landscape, or the input picture changed."""
    from imagegen.engines import scenery  # here: it loads Pillow, which few processes need

    scene = scenery.Scene(f"{request.prompt}\n{request.negative_prompt}", seed)
    if not request.images:
        return scenery.landscape(scene, _size(request) or DEFAULT_SIZE)
    source = _decoded(request.images[0].content)
    mask = _decoded(pictures.white_where_it_changes(request.mask)) if request.mask else None
    size = _size(request) or (max(16, source.width), max(16, source.height))
    source = source.resize(size)
    if mask:
        changed = scenery.filled(scene, source.convert("RGB"), mask.convert("L").resize(size))
    else:
        changed = scenery.tinted(scene, source)
    return scenery.with_insets(changed, [_decoded(picture.content) for picture in request.images[1:]])


def _size(request: ImageRequest) -> tuple[int, int] | None:
    return (request.width, request.height) if request.width and request.height else None


def _decoded(content: bytes) -> "Image":
    from PIL import Image

    size, pixels = pictures.pixels(content, side=LARGEST_SIDE)
    return Image.frombytes("RGB", size, pixels)
