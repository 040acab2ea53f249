"""The parameters that picture models have of their own, as a form offers them.

`Capabilities.params` names those of a model, and `Capabilities.values` its choices where they differ from this table.
Choices of the kind `listed` are those that the engine's server has (`Engine.lists`). Sources:
docs/upstreams/openai.md, “Image generation”, and docs/upstreams/automatic1111.md, “Routes”.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy, pgettext_lazy

from imagegen.capabilities import Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter that is sent under this name. With a `step` it is a number, without choices a switch.

    `listed` names the list of the server that its choices come from. `needs` are values of another parameter without
    which this one means nothing. One that is `inserted` is no parameter: its choice goes into the prompt.
    """

    name: str
    label: Any  # a translatable text
    help: Any = ""
    choices: tuple[str, ...] = ()
    listed: str = ""
    low: float = 0
    high: float = 0
    step: float = 0
    for_edits: bool | None = None  # None: for edits and for new pictures
    needs: tuple[str, tuple[str, ...]] | None = None
    inserted: str = ""  # what goes into the prompt, with {} for the choice

    @property
    def kind(self) -> str:
        if self.inserted:
            return "insert"
        return "number" if self.step else "choice" if self.choices or self.listed else "flag"


# What a choice is called; a name from a server is its own.
LABELS = {
    "auto": gettext_lazy("Automatic"),
    "low": pgettext_lazy("quality", "Low"),
    "medium": pgettext_lazy("quality", "Medium"),
    "high": pgettext_lazy("quality", "High"),
    "xhigh": pgettext_lazy("quality", "Very high"),
    "max": pgettext_lazy("quality", "Highest"),
    "standard": pgettext_lazy("quality", "Standard"),
    "hd": pgettext_lazy("quality", "High (HD)"),
    "transparent": gettext_lazy("Transparent"),
    "opaque": gettext_lazy("Opaque"),
    "vivid": gettext_lazy("Vivid"),
    "natural": gettext_lazy("Natural"),
    "png": "PNG",
    "jpeg": "JPEG",
    "webp": "WebP",
    "true": gettext_lazy("On"),
}
PACKED = ("output_format", ("jpeg", "webp"))
SECOND_PASS = ("enable_hr", ("true",))

_OPENAI = (
    Parameter(name="quality", label=gettext_lazy("Quality"), choices=("auto", "low", "medium", "high")),
    Parameter(name="style", label=gettext_lazy("Style"), choices=("vivid", "natural")),
    Parameter(
        name="background",
        label=gettext_lazy("Background"),
        choices=("auto", "transparent", "opaque"),
        help=gettext_lazy("Transparent needs PNG or WebP."),
    ),
    Parameter(name="output_format", label=gettext_lazy("File format"), choices=("png", "jpeg", "webp")),
    Parameter(
        name="output_compression",
        label=gettext_lazy("Compression"),
        help=gettext_lazy("0 to 100; 100 keeps most."),
        low=0,
        high=100,
        step=1,
        needs=PACKED,
    ),
    Parameter(
        name="input_fidelity",
        label=gettext_lazy("Faithfulness to the input"),
        help=gettext_lazy("High keeps faces and logos, and costs more."),
        choices=("low", "high"),
        for_edits=True,
    ),
    Parameter(
        name="moderation",
        label=gettext_lazy("Safety filter"),
        choices=("auto", "low"),
        help=gettext_lazy("Low refuses less."),
    ),
)
_AUTOMATIC1111 = (
    Parameter(name="sampler_name", label=gettext_lazy("Sampler"), listed="samplers"),
    Parameter(name="scheduler", label=gettext_lazy("Scheduler"), listed="schedulers"),
    Parameter(
        name="cfg_scale",
        label=gettext_lazy("Guidance (CFG)"),
        help=gettext_lazy("How closely the picture follows the prompt; usual are 1 to 12."),
        low=1,
        high=30,
        step=0.5,
    ),
    Parameter(
        name="denoising_strength",
        label=gettext_lazy("Strength of the change"),
        help=gettext_lazy("0 keeps the picture, 1 redraws it."),
        low=0,
        high=1,
        step=0.05,
        for_edits=True,
    ),
    Parameter(name="tiling", label=gettext_lazy("Tiles seamlessly")),
    Parameter(
        name="enable_hr",
        label=gettext_lazy("High-resolution pass"),
        help=gettext_lazy("Draws the picture once more, larger. Takes longer."),
        for_edits=False,
    ),
    Parameter(
        name="hr_scale",
        label=gettext_lazy("Enlarged by"),
        low=1,
        high=4,
        step=0.25,
        for_edits=False,
        needs=SECOND_PASS,
    ),
    Parameter(
        name="hr_upscaler", label=gettext_lazy("Upscaler"), listed="upscalers", for_edits=False, needs=SECOND_PASS
    ),
    Parameter(
        name="lora",
        label=gettext_lazy("Add a LoRA"),
        help=gettext_lazy("Goes into the prompt; the number is its strength."),
        listed="loras",
        inserted="<lora:{}:1>",
    ),
    Parameter(
        name="embedding",
        label=gettext_lazy("Add an embedding"),
        help=gettext_lazy("Goes into the prompt."),
        listed="embeddings",
        inserted="{}",
    ),
)
TABLE: Mapping[str, Mapping[str, Parameter]] = {
    kind: {parameter.name: parameter for parameter in parameters}
    for kind, parameters in (("openai", _OPENAI), ("automatic1111", _AUTOMATIC1111))
}


def of_model(kind: str, can: Capabilities) -> list[Parameter]:
    """The parameters of a model of this engine kind that a form can offer, in the order of the table."""
    return [parameter for parameter in TABLE.get(kind, {}).values() if parameter.name in can.params]


def meant(kind: str, params: Mapping[str, Any], *, editing: bool) -> dict[str, Any]:
    """These values without parameters that are for new pictures alone, or for edits alone."""
    known = TABLE.get(kind, {})
    return {
        name: value for name, value in params.items() if name not in known or known[name].for_edits in (None, editing)
    }


def described(
    parameters: Sequence[Parameter], can: Capabilities, lists: Mapping[str, Sequence[str]], last: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """These parameters for a form, with the server's lists and the values that somebody chose last.

    One whose list is empty is left out: there is nothing to choose.
    """
    fields = []
    for parameter in parameters:
        values = can.values.get(parameter.name) or lists.get(parameter.listed) or parameter.choices
        if parameter.kind in ("choice", "insert") and not values:
            continue
        chosen = last.get(parameter.name)
        fields.append(
            {
                "name": parameter.name,
                "kind": parameter.kind,
                "label": str(parameter.label),
                "help": str(parameter.help),
                "choices": [{"value": value, "label": str(LABELS.get(value, value))} for value in values],
                "low": parameter.low,
                "high": parameter.high,
                "step": parameter.step,
                "for_edits": parameter.for_edits,
                "needs": {"name": parameter.needs[0], "values": [*parameter.needs[1]]} if parameter.needs else None,
                "insert": parameter.inserted,
                "last": chosen if isinstance(chosen, str | int | float | bool) else None,
            }
        )
    return fields
