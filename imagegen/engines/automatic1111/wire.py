"""AUTOMATIC1111's JSON: the body of a call, the pictures of its response, tasks and errors. No network."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from imagegen import embedded, pictures
from imagegen.engines import latents, own_servers
from imagegen.engines.base import EngineConfig
from imagegen.engines.events import Event, Notice, Picture
from imagegen.engines.params import merged
from imagegen.engines.responses import number
from imagegen.image_request import ImageRequest
from providers import json_bodies
from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.sentences import sentence as _
from providers.upstream import error_bodies, words

DEFAULT_STEPS = 25  # the server's own default is 50, twice what is sensible
DEFAULT_SIDE = 512

# What a request may bring. The server's other fields write files there, run scripts, or change options that it does
# not restore afterwards: only an administrator's `params` may have those.
REQUEST_PARAMS = frozenset(
    [
        *("sampler_name", "scheduler", "cfg_scale", "distilled_cfg_scale", "image_cfg_scale", "denoising_strength"),
        *("subseed", "subseed_strength", "styles", "tiling", "restore_faces", "eta", "refiner_switch_at"),
        *("enable_hr", "hr_scale", "hr_upscaler", "hr_second_pass_steps", "hr_resize_x", "hr_resize_y", "hr_cfg"),
        *("hr_distilled_cfg", "hr_sampler_name", "hr_scheduler", "hr_prompt", "hr_negative_prompt"),
        *("mask_blur", "inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding", "resize_mode"),
        "initial_noise_multiplier",
    ]
)

# The lists of a server, with the paths that have their parts.
LISTS = {
    "samplers": ("samplers",),
    "schedulers": ("schedulers",),
    "upscalers": ("latent-upscale-modes", "upscalers"),
    "loras": ("loras",),
    "embeddings": ("embeddings",),
}

_WRONG_KEY: own_servers.Refusal = (
    "invalid_api_key",
    gettext_lazy("The server does not accept the user name and password of this engine."),
    False,
)
REFUSALS: dict[int, own_servers.Refusal] = {
    401: _WRONG_KEY,
    403: _WRONG_KEY,
    504: (
        "upstream_timeout",
        gettext_lazy("A proxy in front of the server timed out: its time limit is too short for drawing."),
        False,
    ),
}

# --- what is sent -----------------------------------------------------------------------------------------------------


def body_of(config: EngineConfig, request: ImageRequest, checkpoint: str) -> dict[str, Any]:
    """The call's JSON: ours, then the request's parameters, then the administrator's, which win."""
    first = request.images[0] if request.images else None
    body: dict[str, Any] = {
        "prompt": request.prompt,
        "seed": -1 if request.seed is None else request.seed,
        "steps": request.steps or DEFAULT_STEPS,
        "batch_size": request.n,
        "n_iter": 1,
        # The server's size does not follow the input picture.
        "width": latents.nearest(request.width or (first.width if first else 0) or DEFAULT_SIDE),
        "height": latents.nearest(request.height or (first.height if first else 0) or DEFAULT_SIDE),
    }
    if request.negative_prompt:
        body["negative_prompt"] = request.negative_prompt
    if first:
        body |= {"init_images": [embedded.encode(first.content)], "denoising_strength": 0.75}
        body["resize_mode"] = 1  # cut to the new shape; the default stretches
    if request.mask:
        body["mask"] = embedded.encode(pictures.white_where_it_changes(request.mask))
        body |= {"inpainting_fill": 1, "inpaint_full_res": False, "inpaint_full_res_padding": 32, "mask_blur": 4}
    if checkpoint:
        body["override_settings"] = {"sd_model_checkpoint": checkpoint}
    body = merged(merged(body, request.params), config.params)
    if overrides := body.get("override_settings"):
        overrides.pop("samples_format", None)  # is not restored afterwards, and does not change the response
        body["override_settings_restore_afterwards"] = True
    if body.get("enable_hr") and body.get("hr_additional_modules") is None:
        body["hr_additional_modules"] = ["Use same choices"]  # Forge fails without it; the others ignore it
    return body


# --- what comes back --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """The server's state of one task id. All false: the server does not know it, or not yet."""

    queued: bool = False
    active: bool = False
    completed: bool = False
    before_us: int = 0
    fraction: float | None = None
    preview: bytes | None = None
    preview_id: int = -1


def task_of(response: Any) -> Task | None:
    """The response to `POST /internal/progress`; None for anything else."""
    if not isinstance(response, dict):
        return None
    waiting = re.search(r"(\d+)/\d+", str(response.get("textinfo") or ""))  # In queue: 1/2
    preview_id = response.get("id_live_preview")
    return Task(
        queued=response.get("queued") is True,
        active=response.get("active") is True,
        completed=response.get("completed") is True,
        before_us=int(waiting[1]) if waiting else 0,
        fraction=number(response.get("progress")),
        preview=embedded.picture_in(response.get("live_preview")),
        preview_id=preview_id if isinstance(preview_id, int) else -1,
    )


@dataclass(frozen=True, slots=True)
class Running:
    """The server's current work, whoever requested it. `jobs` is 0 while it is idle."""

    jobs: int = 0
    step: int = 0
    steps: int = 0
    interrupted: bool = False
    fraction: float | None = None
    preview: bytes | None = None


def running_of(response: Any) -> Running:
    """The response to `GET /sdapi/v1/progress`; idle for anything else."""
    if not isinstance(response, dict) or not isinstance(state := response.get("state"), dict):
        return Running()
    jobs, rounds, step, steps = (
        int(number(state.get(name)) or 0) for name in ("job_count", "job_no", "sampling_step", "sampling_steps")
    )
    return Running(
        jobs=jobs,
        step=rounds * steps + step,
        steps=max(jobs, 1) * steps,  # -1 while a checkpoint loads
        interrupted=state.get("interrupted") is True,
        fraction=number(response.get("progress")),
        preview=embedded.picture_in(response.get("current_image")),
    )


def decoded(response: BlockingResponse) -> dict[str, Any]:
    """The response to a drawing call, its pictures as bytes. ProviderError (`invalid_answer`) for anything else."""
    try:
        value = embedded.loads(response.content)
    except ValueError as error:
        provider = words.clean(response.text)
        raise ProviderError(_("The server's answer is not JSON."), code="invalid_answer", provider=provider) from error
    if not isinstance(value, dict) or not isinstance(value.get("images"), list):
        raise ProviderError(_("The server's answer holds no pictures."), code="invalid_answer")
    return value


def pictures_of(response: dict[str, Any], body: Mapping[str, Any], checkpoint: str) -> Iterator[Event]:
    """The requested pictures, without the grid before them and the maps of extensions after them.

    After an interrupt there are more seeds than pictures: the first ones belong to the pictures.
    """
    info = _info(response)
    first = info.get("index_of_first_image")
    first = first if isinstance(first, int) and first > 0 else 0
    images = response["images"][first : first + int(body["batch_size"]) * int(body["n_iter"])]
    seeds = info.get("all_seeds")
    model = str(info.get("sd_model_name") or "")
    if checkpoint and model and model != checkpoint and not checkpoint.endswith(f"_{model}"):  # folder_name
        yield Notice(_("Drawn with %(model)s, not with %(requested)s.") % {"model": model, "requested": checkpoint})
    members = ("sampler_name", "scheduler", "steps", "cfg_scale", "sd_model_hash", "denoising_strength", "clip_skip")
    provenance = {name: info[name] for name in members if info.get(name) is not None}
    for index, image in enumerate(images):
        content = embedded.picture_in(image)
        if content is None:
            raise ProviderError(_("The server sent something that is not a picture."), code="invalid_answer")
        seed = seeds[index] if isinstance(seeds, list) and index < len(seeds) else None
        yield Picture(
            content=content,
            seed=seed if isinstance(seed, int) else None,
            model=model or checkpoint,
            provenance=provenance,
        )


def _info(response: dict[str, Any]) -> dict[str, Any]:
    """`info` is JSON inside a text."""
    info = response.get("info")
    try:
        info = json_bodies.parse_response(info) if isinstance(info, str) else info
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}


# --- errors -----------------------------------------------------------------------------------------------------------


def error_of(response: BlockingResponse) -> ProviderError:
    kind, text = _error_text(response)
    code, sentence, retryable = _classified(response.status, kind, text)
    return ProviderError(
        sentence,
        code=code,
        provider=text,
        retryable=retryable,
        retry_after=error_bodies.wait_of(response.headers),
        status=response.status,
    )


def _error_text(response: BlockingResponse) -> tuple[str, str]:
    """The error's class and the server's words, in the formats of AUTOMATIC1111, Forge, FastAPI and proxies.

    Of a 422 only members and reasons: its `input` repeats what a person wrote.
    """
    try:
        body = json_bodies.parse_response(response.content)
    except ValueError:
        return "", words.clean(response.text)
    if not isinstance(body, dict):
        return "", words.clean(response.text)
    kind = body.get("error") if isinstance(body.get("error"), str) else ""
    text = body.get("errors") or body.get("message") or body.get("detail") or kind or ""
    if isinstance(text, list):
        details = [item for item in text if isinstance(item, dict)]
        text = "; ".join(f"{'.'.join(map(str, item.get('loc') or ()))}: {item.get('msg')}" for item in details)
    return str(kind), words.clean(str(text))


def _classified(status: int, kind: str, text: str) -> own_servers.Refusal:
    if status == 404 and text in ("Not Found", "HTTPException", ""):
        return "api_not_enabled", _("The server's API is not enabled: start it with --api."), False
    if status not in (401, 403) and own_servers.is_out_of_memory(kind, text):
        return own_servers.OUT_OF_MEMORY
    if status not in (401, 403) and ("NansException" in kind or "NansException" in text):
        sentence = _("The model gave an unusable picture: the server's precision or its VAE does not fit.")
        return "unusable_picture", sentence, False
    return own_servers.refusal(status, REFUSALS)


def names_of(listed: Any) -> list[str]:
    """The names in one of the server's lists: entries with a `name`, or embeddings by name under `loaded`."""
    if isinstance(listed, dict):
        loaded = listed.get("loaded")
        return [str(name) for name in loaded] if isinstance(loaded, dict) else []
    entries = listed if isinstance(listed, list) else []
    return [entry["name"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
