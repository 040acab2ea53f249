"""The capabilities of picture models, as data: an engine's default, then a dated table, then a row's overrides.

The dated table is `models.json` beside the engines. The first pattern that matches a model's name counts, which is
compared without provider prefixes (`openai/gpt-image-2` is `gpt-image-2`). A model that no pattern matches gets the
engine's default.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from django.utils.translation import gettext_noop

from imagegen.image_request import AUTO, MAX_PIXELS, MAX_PROMPT, MAX_SIDE, ImageRequest, sides
from providers.errors import BadRequest
from providers.sentences import counted as ngettext
from providers.sentences import sentence as _

TIERS = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}  # the side of a square, in pixels
_ANY = re.compile(r".*")
_FORMS = {  # of the members of some lists
    "sizes": re.compile(r"[1-9]\d*x[1-9]\d*"),
    "ratios": re.compile(r"[1-9]\d*:[1-9]\d*"),
    "tiers": re.compile("|".join(TIERS)),
}
TABLE = Path(__file__).with_name("engines") / "models.json"
# Stored errors have it as their source, from before it had a singular: it stays among the translations.
FORMER_SENTENCE = gettext_noop("This model takes at most %(count)d input pictures.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The capabilities of a model. A row of an engine may override every field by name."""

    generate: bool = True
    edit: bool = False
    mask: bool = False
    max_inputs: int = 1  # input pictures of one edit
    negative_prompt: bool = False
    steps: bool = False
    seed: bool = False
    per_call: int = 10  # pictures of one upstream call; an engine repeats the call for more
    sizes: tuple[str, ...] = ()  # the only sizes; empty: any within the bounds below
    step: int = 1  # both sides are multiples of this many pixels
    max_side: int = MAX_SIDE
    min_pixels: int = 0
    max_pixels: int = MAX_PIXELS
    max_ratio: float = 0  # of the longer to the shorter side; 0: any
    ratios: tuple[str, ...] = ()  # the only aspect ratios, `W:H`, where no exact size can be chosen
    tiers: tuple[str, ...] = ()  # the resolutions that go with `ratios`: some of 512, 1K, 2K, 4K
    auto: bool = False  # the size may be `auto`
    partial: int = 0  # the most partial pictures that can be requested
    prompt_limit: int = MAX_PROMPT  # characters
    input_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp")
    response_format: bool = True  # the parameter of that name is understood (OpenAI's dialect)
    modalities: tuple[str, ...] = ("image", "text")  # requested from a chat model that draws in replies
    params: tuple[str, ...] = ()  # the model's own parameters, for forms; others are sent too
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # their choices, see `imagegen.parameters`

    def size_problem(self, size: str) -> str:
        """Why this `WxH`, `auto` or empty size cannot be drawn, as a sentence; empty when it can."""
        if not size:
            return ""
        if size == AUTO:
            return "" if self.auto else _("This model cannot choose a size by itself: choose one.")
        if self.sizes:
            choices = ", ".join(self.sizes)
            return "" if size in self.sizes else _("This model draws these sizes: %(sizes)s.") % {"sizes": choices}
        width, height = sides(size)
        if self.ratios:
            shapes = ", ".join(self.ratios)
            return "" if self.ratio(size) else _("This model draws these shapes: %(shapes)s.") % {"shapes": shapes}
        if width % self.step or height % self.step:
            return _("This model draws sizes in multiples of %(step)d pixels.") % {"step": self.step}
        if max(width, height) > self.max_side:
            return _("This model's longest side is %(side)d pixels.") % {"side": self.max_side}
        if not self.min_pixels <= width * height <= self.max_pixels:
            bounds = {"low": self.min_pixels, "high": self.max_pixels}
            return _("This model draws between %(low)d and %(high)d pixels in all.") % bounds
        if self.max_ratio and max(width, height) > self.max_ratio * min(width, height):
            return _("This model's longer side is at most %(ratio)g times the shorter.") % {"ratio": self.max_ratio}
        return ""

    def ratio(self, size: str) -> str:
        """The declared `W:H` that this `WxH` has, within 3 % (1344x768 counts as 16:9); empty for none."""
        width, height = sides(size)

        def distance(ratio: str) -> float:
            across, down = (int(part) for part in ratio.split(":"))
            return abs(math.log(width * down / (height * across)))

        nearest = min(self.ratios, key=distance)
        return nearest if distance(nearest) < 0.03 else ""

    def tier(self, size: str) -> str:
        """The smallest declared tier that is not smaller than this `WxH`, else the largest; empty without tiers."""
        side = math.sqrt(math.prod(sides(size)))
        large_enough = [tier for tier in self.tiers if TIERS[tier] * 1.1 >= side]
        return (large_enough or list(self.tiers[-1:]) or [""])[0]

    def check(self, request: ImageRequest) -> None:
        """Raise BadRequest, naming the parameter, for what this model cannot do."""
        refusals = (
            ("prompt", request.is_edit or self.generate, _("This model only edits pictures: add one.")),
            ("image", not request.is_edit or self.edit, _("This model cannot edit pictures.")),
            ("mask", request.mask is None or self.mask, _("This model takes no mask.")),
            (
                "negative_prompt",
                not request.negative_prompt or self.negative_prompt,
                _("This model takes no negative prompt: put it into the prompt."),
            ),
            ("steps", request.steps is None or self.steps, _("The number of steps cannot be chosen for this model.")),
            ("seed", request.seed is None or self.seed, _("The seed cannot be chosen for this model.")),
        )
        for param, fine, sentence in refusals:
            if not fine:
                raise BadRequest(sentence, param=param, code="not_supported")
        if len(request.images) > self.max_inputs:
            sentence = ngettext(
                "This model takes at most %(count)d input picture.",
                "This model takes at most %(count)d input pictures.",
                self.max_inputs,
            )
            raise BadRequest(sentence % {"count": self.max_inputs}, param="image", code="not_supported")
        if len(request.prompt) > self.prompt_limit:
            sentence = _("This model's prompt has at most %(count)d characters.") % {"count": self.prompt_limit}
            raise BadRequest(sentence, param="prompt", code="not_supported")
        if problem := self.size_problem(request.size):
            raise BadRequest(problem, param="size", code="not_supported")

    def but(self, overrides: Mapping[str, Any]) -> "Capabilities":
        """A copy with these fields replaced; lists become tuples, unknown names are ignored (see `problems`)."""
        known = {member.name for member in fields(self)}
        changes = {name: _frozen(value) for name, value in overrides.items() if name in known}
        return replace(self, **changes) if changes else self

    @classmethod
    def problems(cls, overrides: Mapping[str, Any]) -> list[str]:
        """Sentences about wrong overrides of an administrator's: unknown names, values of the wrong kind."""
        defaults = {member.name: getattr(cls(), member.name) for member in fields(cls)}
        problems: list[str] = []
        for name, value in overrides.items():
            default = defaults.get(name)
            if default is None:
                problems.append(_("%(name)s is not a capability.") % {"name": name})
            elif not _is_like(default, value) or not all(map(_FORMS.get(name, _ANY).fullmatch, _texts(value))):
                problems.append(_("%(name)s has a value of the wrong kind.") % {"name": name})
        return problems


def bare_name(model: str) -> str:
    """`openai/gpt-image-2:free` → `gpt-image-2`: without provider prefixes, variant and case."""
    return model.rsplit("/", 1)[-1].partition(":")[0].lower()


def known(kind: str, model: str, default: Capabilities) -> Capabilities:
    """The table's capabilities of a model of this engine kind; `default` for a model that it does not have."""
    name = bare_name(model)
    for pattern, facts in _table().get(kind, {}).get("models", ()):
        if pattern.fullmatch(name):
            return default.but(facts)
    return default


def fallback_models(kind: str) -> tuple[str, ...]:
    """Model ids that were served on the table's date, the default first: for endpoints without a list of models."""
    return tuple(_table().get(kind, {}).get("fallback", ()))


def default_model(kind: str) -> str:
    """The model for requests and rows that name none; empty for kinds without one."""
    return next(iter(fallback_models(kind)), "")


def draws(kind: str, model: str) -> bool:
    """Whether a model's name looks like that of a picture model."""
    pattern = _table().get(kind, {}).get("draws")
    return pattern is None or pattern.fullmatch(bare_name(model)) is not None


@cache
def _table() -> dict[str, dict[str, Any]]:
    raw = orjson.loads(TABLE.read_bytes())
    return {
        kind: {
            **facts,
            "draws": re.compile(facts["draws"]),
            "models": [(re.compile(model["pattern"]), model["can"]) for model in facts["models"]],
        }
        for kind, facts in raw["engines"].items()
    }


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_like(default: Any, value: Any) -> bool:
    """Whether a value has the default's kind: a flag, a list of texts, lists by name, or a number from zero on."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, Mapping):
        return isinstance(value, Mapping) and all(_is_like((), choices) for choices in value.values())
    if isinstance(default, tuple):
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0
