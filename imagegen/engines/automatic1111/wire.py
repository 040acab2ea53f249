"""AUTOMATIC1111's JSON: the call's body, the pictures of its answer, its tasks and its errors. No network here."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.translation import gettext as _

from imagegen import embedded, pictures
from imagegen.engines.base import EngineConfig, Event, Notice, Picture
from imagegen.engines.params import merged
from imagegen.picture_request import PictureRequest
from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.upstream import error_bodies, words

DEFAULT_STEPS = 25  # the server's own default is 50, twice what is sensible
DEFAULT_SIDE = 512
MULTIPLE = 8  # of both sides; the server rounds down without a word

# What may come with a request. The server's other fields write files there, run scripts, or change options that it does
# not put back afterwards: those belong to the administrator's `params`.
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


# --- what is sent -----------------------------------------------------------------------------------------------------


def body_of(config: EngineConfig, request: PictureRequest, checkpoint: str) -> dict[str, Any]:
    """The call's JSON: ours, then the request's parameters, then the administrator's, which win."""
    first = request.images[0] if request.images else None
    body: dict[str, Any] = {
        "prompt": request.prompt,
        "seed": -1 if request.seed is None else request.seed,
        "steps": request.steps or DEFAULT_STEPS,
        "batch_size": request.n,
        "n_iter": 1,
        # The server's size does not follow the input picture.
        "width": multiple(request.width or (first.width if first else 0) or DEFAULT_SIDE),
        "height": multiple(request.height or (first.height if first else 0) or DEFAULT_SIDE),
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
        overrides.pop("samples_format", None)  # would stay so for everybody, and is ignored in the answer
        body["override_settings_restore_afterwards"] = True
    if body.get("enable_hr") and body.get("hr_additional_modules") is None:
        body["hr_additional_modules"] = ["Use same choices"]  # without it Forge fails; the others do not look at it
    return body


def multiple(side: int) -> int:
    """The nearest multiple of 8."""
    return max(MULTIPLE, (side + MULTIPLE // 2) // MULTIPLE * MULTIPLE)


# --- what comes back --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """What the server says of one task id. All false: it has not heard of it (yet)."""

    queued: bool = False
    active: bool = False
    completed: bool = False
    before_us: int = 0
    fraction: float | None = None
    preview: bytes | None = None
    preview_id: int = -1


def task_of(answer: Any) -> Task | None:
    """`POST /internal/progress`; None for what is no such answer."""
    if not isinstance(answer, dict):
        return None
    waiting = re.search(r"(\d+)/\d+", str(answer.get("textinfo") or ""))  # In queue: 1/2
    seen = answer.get("id_live_preview")
    return Task(
        queued=answer.get("queued") is True,
        active=answer.get("active") is True,
        completed=answer.get("completed") is True,
        before_us=int(waiting[1]) if waiting else 0,
        fraction=number(answer.get("progress")),
        preview=embedded.picture_in(answer.get("live_preview")),
        preview_id=seen if isinstance(seen, int) else -1,
    )


@dataclass(frozen=True, slots=True)
class Running:
    """What the server draws just now, whoever asked for it. `jobs` is 0 while it is idle."""

    jobs: int = 0
    step: int = 0
    steps: int = 0
    interrupted: bool = False
    fraction: float | None = None
    preview: bytes | None = None


def running_of(answer: Any) -> Running:
    """`GET /sdapi/v1/progress`; idle for what is no such answer."""
    if not isinstance(answer, dict) or not isinstance(state := answer.get("state"), dict):
        return Running()
    jobs, rounds, step, steps = (
        int(number(state.get(name)) or 0) for name in ("job_count", "job_no", "sampling_step", "sampling_steps")
    )
    return Running(
        jobs=jobs,
        step=rounds * steps + step,
        steps=max(jobs, 1) * steps,  # -1 while a checkpoint loads
        interrupted=state.get("interrupted") is True,
        fraction=number(answer.get("progress")),
        preview=embedded.picture_in(answer.get("current_image")),
    )


def number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def decoded(answer: BlockingResponse) -> dict[str, Any]:
    """The answer of a drawing call, its pictures as bytes. ProviderError (`invalid_answer`) for anything else."""
    try:
        value = embedded.loads(answer.content)
    except ValueError as error:
        said = words.clean(answer.text)
        raise ProviderError(_("The server's answer is not JSON."), code="invalid_answer", provider=said) from error
    if not isinstance(value, dict) or not isinstance(value.get("images"), list):
        raise ProviderError(_("The server's answer holds no pictures."), code="invalid_answer")
    return value


def pictures_of(answer: dict[str, Any], body: Mapping[str, Any], checkpoint: str) -> Iterator[Event]:
    """The pictures that were asked for: without the grid in front of them and the maps of extensions behind them.

    Seeds go by the pictures that came: after an interrupt the list of seeds is longer.
    """
    info = _info(answer)
    first = info.get("index_of_first_image")
    first = first if isinstance(first, int) and first > 0 else 0
    images = answer["images"][first : first + int(body["batch_size"]) * int(body["n_iter"])]
    seeds = info.get("all_seeds")
    model = str(info.get("sd_model_name") or "")
    if checkpoint and model and model != checkpoint and not checkpoint.endswith(f"_{model}"):  # folder_name
        yield Notice(_("Drawn with %(model)s, not with %(asked)s.") % {"model": model, "asked": checkpoint})
    kept = ("sampler_name", "scheduler", "steps", "cfg_scale", "sd_model_hash", "denoising_strength", "clip_skip")
    provenance = {name: info[name] for name in kept if info.get(name) is not None}
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


def _info(answer: dict[str, Any]) -> dict[str, Any]:
    """`info` is JSON inside a text."""
    try:
        info = orjson.loads(answer.get("info") or "{}")
    except (ValueError, TypeError):
        return {}
    return info if isinstance(info, dict) else {}


# --- errors -----------------------------------------------------------------------------------------------------------


def error_of(answer: BlockingResponse) -> ProviderError:
    kind, said = _said(answer)
    code, sentence, retryable = _judged(answer.status, kind, said)
    return ProviderError(
        sentence,
        code=code,
        provider=said,
        retryable=retryable,
        retry_after=error_bodies.wait_of(answer.headers),
        status=answer.status,
    )


def _said(answer: BlockingResponse) -> tuple[str, str]:
    """The error's class and the server's words, out of the bodies of A, of Forge, of FastAPI, and of proxies.

    Of a 422 only the places and the reasons: its `input` is what somebody wrote.
    """
    try:
        body = orjson.loads(answer.content)
    except ValueError:
        return "", words.clean(answer.text)
    if not isinstance(body, dict):
        return "", words.clean(answer.text)
    kind = body.get("error") if isinstance(body.get("error"), str) else ""
    said = body.get("errors") or body.get("message") or body.get("detail") or kind or ""
    if isinstance(said, list):
        told = [one for one in said if isinstance(one, dict)]
        said = "; ".join(f"{'.'.join(str(part) for part in one.get('loc') or ())}: {one.get('msg')}" for one in told)
    return str(kind), words.clean(str(said))


def _judged(status: int, kind: str, said: str) -> tuple[str, str, bool]:
    """Code, sentence, and whether the same call may work a moment later."""
    if status in (401, 403):
        return "invalid_api_key", _("The server does not accept the user name and password of this engine."), False
    if status == 404 and said in ("Not Found", "HTTPException", ""):
        return "api_not_enabled", _("The server's API is not enabled: start it with --api."), False
    if "OutOfMemory" in kind or "out of memory" in said.lower():
        sentence = _("The server's graphics card ran out of memory: a smaller size or fewer pictures may help.")
        return "out_of_memory", sentence, False
    if "NansException" in kind or "NansException" in said:
        sentence = _("The model gave an unusable picture: the server's precision or its VAE does not fit.")
        return "unusable_picture", sentence, False
    if status in (502, 503):
        return "upstream_unavailable", _("A proxy says that the server is not there."), True
    if status == 504:
        sentence = _("A proxy lost patience with the server: its time limit is shorter than the drawing.")
        return "upstream_timeout", sentence, False
    if status == 413:
        return "request_too_large", _("The server refuses so large a request."), False
    if status == 429:
        return "rate_limit_exceeded", _("The server takes no more requests at the moment."), True
    if status < 500:
        return "refused", _("The server refused the request."), False
    return "provider_error", _("The server failed while it drew."), False
