"""The choices that the form offers for an engine and a model: only what these can express. No network."""

from typing import Any

from imagegen import parameters, rows
from imagegen.image_request import MAX_PICTURES
from imagegen.models import ImageEngine
from imagegen.sizes import size_groups
from providers.errors import ConfigurationError


def engine_choices(engines: list[ImageEngine], *, editing: bool) -> list[dict[str, Any]]:
    """Every engine that can be used as it is set up, in order; `editing`: whether the person may edit pictures."""
    choices = [engine_choice(row, editing=editing) for row in engines]
    return [choice for choice in choices if choice is not None]


def engine_choice(row: ImageEngine, *, editing: bool, model: str = "") -> dict[str, Any] | None:
    """An engine and what `model` (empty: the configured one) can do; None when its connection is switched off."""
    try:
        engine, config = rows.engine_of(row), rows.config_of(row)
    except ConfigurationError:
        return None
    can = engine.capabilities(config, model)
    standard = "" if can.size_problem(config.size) else config.size
    edits = editing and can.edit and row.purpose != ImageEngine.Purpose.GENERATE
    return {
        "id": row.pk,
        "name": row.name,
        "demo": row.is_demo,
        "draws": can.generate and row.purpose != ImageEngine.Purpose.EDIT,
        "inputs": can.max_inputs if edits else 0,
        "mask": edits and can.mask,
        "negative": can.negative_prompt,
        "steps": can.steps,
        "seed": can.seed,
        "params": any(parameter.name not in config.params for parameter in parameters.of_model(row.kind, can)),
        "has_models": any(field.kind == "model" for field in engine.fields),
        "model": config.model,
        "most": MAX_PICTURES,
        "prompt_limit": can.prompt_limit,
        "own_size": not can.sizes and not can.ratios,
        "step": can.step,
        "standard": standard,
        "auto": can.auto,
        "groups": size_groups(can, config.size),
    }
