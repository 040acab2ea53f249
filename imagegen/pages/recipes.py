"""The recipe in a picture that came in, as the page shows it, and the request that the form makes of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from chat.files import recipes
from chat.models import File
from imagegen.image_request import ImageRequest
from imagegen.models import ImageEngine
from providers.errors import BadRequest

MAKERS = {"automatic1111": "AUTOMATIC1111", "invokeai": "InvokeAI", "comfyui": "ComfyUI"}


@dataclass(frozen=True, slots=True)
class ShownRecipe:
    """What a file says of itself. `words`: who says it, and whether that can be trusted."""

    words: str
    prompt: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    request: dict[str, Any] | None = None


def shown(row: File, engines: Iterable[ImageEngine]) -> ShownRecipe | None:
    """The recipe in the file of a picture that was not drawn in this gallery; None without one."""
    if recipes.is_made_here(row) or row.provenance.get("prompt"):
        return None
    try:
        read = recipes.read(row)
    except FileNotFoundError:
        return None
    if not read.recipe:
        return None
    if read.made_here:
        words = _("Drawn on this site: the signature of its recipe is valid.")
    elif read.source == "ours":
        words = _("This recipe has no valid signature of this site: it was changed, or written elsewhere.")
    else:
        maker = MAKERS.get(read.source, read.source)
        words = _("The file says so, in the form of %(program)s. Nobody signed it.") % {"program": maker}
    prompt = read.recipe.get("prompt", "")
    return ShownRecipe(words, prompt, _facts(read.recipe, row), _request(read.recipe, engines) if prompt else None)


def _facts(recipe: Mapping[str, str], row: File) -> list[tuple[str, str]]:
    labels = {
        "prompt": _("Prompt"),
        "negative_prompt": _("Without"),
        "model": _("Model"),
        "seed": _("Seed"),
        "steps": _("Steps"),
        "size": _("Size in the recipe"),
        "sampler": _("Sampler"),
        "scheduler": _("Scheduler"),
        "guidance": _("Guidance"),
    }
    is_known = recipe.get("size") == f"{row.width}x{row.height}"  # the size of the file is among the facts in any case
    return [
        (label, recipe[name])
        for name, label in labels.items()
        if recipe.get(name) and not (is_known and name == "size")
    ]


def _request(recipe: Mapping[str, str], engines: Iterable[ImageEngine]) -> dict[str, Any]:
    """The members that this site can say; the engine is the one with this model, and without one none is named."""
    request: dict[str, Any] = {"prompt": recipe["prompt"]}
    for name in ("negative_prompt", "steps", "seed", "size"):
        try:
            checked = ImageRequest.from_values({"prompt": "x", name: recipe.get(name)})
        except BadRequest:  # a value that no engine here can have
            continue
        if (value := getattr(checked, name)) not in (None, ""):
            request[name] = str(value)
    model = recipe.get("model")
    if engine := next((row for row in engines if model and row.model == model), None):
        request |= {"engine": str(engine.pk), "model": model}
    return request
