"""The verbs of picture jobs: request, cancel, retry; used alike by the pages, the API, chats, tools and the admin."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import files
from chat.models import File
from imagegen import access, inputs, jobs, parameters, rows
from imagegen.engines.base import EngineConfig
from imagegen.image_request import ImageRequest, InputPicture
from imagegen.jobs import claims, estimates
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers import json_bodies, sentences
from providers.authentication import user_of
from providers.errors import BadRequest, CallerError, Conflict, GatewayError, NetworkError, ProviderError, Unavailable
from providers.facts import Caller, model_not_found
from providers.process import deletion
from providers.relay import budgets, rate_limits
from providers.sentences import sentence as _

MAX_OPEN_PER_USER = 50  # jobs of one person that wait or run
LISTS_SECONDS = 120  # how long a server's lists are taken for those of now
STORED_VALUES = ("original_prompt",)  # stored with the request though no engine reads them
UNSAID, UNSEEN = "…", InputPicture(b"", "image/png")  # the prompt and the pictures of an estimate: neither is sent
# Errors of failed jobs, by whom they blame.
ERRORS = {error.blame: error for error in (CallerError, ProviderError, NetworkError, Unavailable)}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A caller's request for pictures, from any entrance. With `images` it is an edit.

    `values` are the members of `ImageRequest` as they came, `engine` (a name, an id or a kind) and `original_prompt`.
    `images` and `mask` are what `inputs.files_of` takes: rows, uploads or names. `context` is for the files that come
    of it; they and the job go at its `expires_at`. `tested_engine` is an engine that an administrator tries.
    `limit_seen` is false where somebody is asked first above the limit of the settings, and has not been; None for
    whoever is not asked.
    """

    caller: Caller
    values: Mapping[str, Any]
    images: Sequence[object] = field(default=(), repr=False)
    mask: object = field(default=None, repr=False)
    context: files.FileContext = files.NO_CONTEXT
    idempotency_key: str = ""
    tested_engine: ImageEngine | None = None
    limit_seen: bool | None = None


def request_images(request: JobRequest) -> tuple[ImageJob, bool]:
    """Write the job and start it; returns it and whether it is new (a repeated key returns the first job).

    No other function makes jobs. It holds every rule that can be known before an engine draws: the key's scope and the
    person's permission (Forbidden), rate limits (RateLimited), the input pictures and the mask (NotFound, TooLarge,
    BadRequest), the engine and the key's models (NotFound), what the engine can express (BadRequest,
    ConfigurationError), how many jobs a person may have open (Conflict), room for another file (TooLarge), that the
    person was asked (Conflict, `above_limit`), budgets (BudgetSpent), and that an idempotency key stands for one
    request (Conflict).

    A `tested_engine` is for administrators alone. It may be switched off, and drawing may be switched off for
    everybody: engines are tried before people may use them. All other rules hold for it too.
    """
    caller, editing = request.caller, bool(request.images)
    engine = request.tested_engine
    if engine is not None:
        access.check_may_test(caller)
    else:
        image_settings = access.check_may_draw(caller, editing=editing)
    rate_limits.admit_blocking(caller)
    user = user_of(caller)
    images = inputs.files_of(user, request.images)
    mask = inputs.files_of(user, [request.mask], param="mask")[0] if request.mask else None
    digest = _digest(request.values, images, mask)
    key = request.idempotency_key
    if key and (first := _first_job(caller, key, digest)):
        return first, False
    if engine is None:
        engine = access.engine_for(
            caller, image_settings, name=str(request.values.get("engine") or ""), editing=editing
        )
    pictures = tuple(inputs.picture_of(row) for row in images)
    drawing = ImageRequest.from_values(
        request.values, images=pictures, mask=inputs.mask_for(mask, pictures) if mask else None
    )
    drawing = _prepared(caller, engine, drawing)
    if ImageJob.objects.open().filter(user_id=caller.user_id).count() >= MAX_OPEN_PER_USER:
        raise Conflict(_("You have %d pictures waiting already. Let some finish first.") % MAX_OPEN_PER_USER)
    files.check_room(caller.user_id)
    if request.limit_seen is False and estimates.is_above_limit(engine, drawing, ImageSettings.load()):
        raise Conflict(_("These pictures are above the limit that is asked about first."), code="above_limit")
    hold = budgets.reserve_blocking(caller, drawing.model or engine.name, lambda: estimates.of_request(engine, drawing))
    try:
        return _write(request, engine, drawing, images, mask, digest, hold), True
    except BaseException as error:
        if hold is not None:
            hold.release()
        # The same key may have arrived twice at once.
        first = _first_job(caller, key, digest) if isinstance(error, IntegrityError) else None
        if first is None:
            raise
        return first, False


def estimate(caller: Caller, values: Mapping[str, Any], *, inputs_given: int = 0) -> estimates.Estimate:
    """What is known of a request before it is made; `inputs_given` is the number of its input pictures.

    Of the rules of `request_images` those hold that are about the caller, the engine and what it can express. Nothing
    is counted, reserved or written.
    """
    editing = inputs_given > 0
    image_settings = access.check_may_draw(caller, editing=editing)
    name = str(values.get("engine") or "")
    engine = access.engine_for(caller, image_settings, name=name, editing=editing)
    pictures = (UNSEEN,) * inputs_given
    if shape := values.get("shape"):
        values = {**values, "size": rows.size_of_shape(engine, shape, str(values.get("model") or ""))}
    drawing = _prepared(caller, engine, ImageRequest.from_values({**values, "prompt": UNSAID}, images=pictures))
    return estimates.beforehand(engine, drawing, image_settings)


def parameter_form(caller: Caller, engine_name: str, model: str) -> dict[str, Any]:
    """The parameters that a form offers for an engine and a model (empty: the usual ones), and why lists are missing.

    Blocking: the engine's server is asked for its lists, once in `LISTS_SECONDS`. What the engine's row sets itself is
    not offered, since it wins. Raises Forbidden, NotFound and ConfigurationError as `request_images`.
    """
    engine = access.engine_for(caller, access.check_may_draw(caller), name=engine_name)
    implementation, config = rows.engine_of(engine), rows.config_of(engine, caller=caller)
    can = implementation.capabilities(config, model)
    offered = [
        parameter
        for parameter in parameters.of_model(engine.kind, can)
        if parameter.name not in config.params
        and (parameter.inserted or implementation.takes_param(config, parameter.name))
    ]
    lists, problem = _lists(engine, config) if any(parameter.listed for parameter in offered) else ({}, "")
    last = ImageJob.objects.filter(user_id=caller.user_id, engine=engine).order_by("-created").first()
    chosen = last.request.get("params") or {} if last is not None else {}
    return {"parameters": parameters.described(offered, can, lists, chosen), "problem": problem}


def _lists(engine: ImageEngine, config: EngineConfig) -> tuple[Mapping[str, Sequence[str]], str]:
    """The lists of an engine's server, and a sentence about why there are none."""
    key = f"imagegen.lists.{engine.pk}.{config.url}"
    if config.own_credential or (lists := cache.get(key)) is None:
        try:
            lists = rows.engine_of(engine).lists(config)
        except GatewayError as error:
            return {}, error.message
        cache.set(key, lists, LISTS_SECONDS)
    return lists, ""


def _prepared(caller: Caller, engine: ImageEngine, drawing: ImageRequest) -> ImageRequest:
    """The request as the engine will draw it. Raises as `Engine.prepare`, and NotFound for a model that the key may
    not use.
    """
    prepared = rows.engine_of(engine).prepare(rows.config_of(engine), drawing)
    if not access.key_allows(caller, engine, prepared.model):
        raise model_not_found(prepared.model or engine.name)
    return prepared


def _write(
    request: JobRequest,
    engine: ImageEngine,
    drawing: ImageRequest,
    images: Sequence[File],
    mask: File | None,
    digest: str,
    hold: budgets.Hold | None,
) -> ImageJob:
    """The row of a job, given to this process once it is committed."""
    context = request.context
    stored = {name: value for name in STORED_VALUES if isinstance(value := request.values.get(name), str)}
    with transaction.atomic():
        job = ImageJob.objects.create(
            user_id=request.caller.user_id,
            engine=engine,
            prompt=drawing.prompt,
            request=drawing.values() | stored,
            mask=mask,
            input_order=inputs.ids_of(images),
            chat=context.chat,
            message=context.message,
            session_id=context.session_id,
            sign_in=request.caller.sign_in,
            client_key=request.caller.key_id,
            expires_at=context.expires_at,
            idempotency_key=request.idempotency_key[:200],
            request_digest=digest,
            reserved=hold.as_json() if hold is not None else None,
            worker=claims.worker(),
            heartbeat=timezone.now(),
        )
        job.inputs.set(images)
        if context.expires_at is None:
            _keep([*images, *([mask] if mask else [])])
        jobs.submit(job, hold)
    return job


def cancel_job(job: ImageJob) -> None:
    """Ask for the job's end, wherever it runs. Raises Conflict when it has ended."""
    if not job.is_open:
        raise Conflict(_("This job has ended already."), code="job_ended")
    jobs.cancel(job)


def cancel_all(user_id: int) -> None:
    """Ask for the end of all open jobs of this person."""
    for job in ImageJob.objects.open().filter(user_id=user_id):
        jobs.cancel(job)


def retry_job(caller: Caller, job: ImageJob) -> ImageJob:
    """Make a request once more, as a new job of the caller's.

    Raises Conflict while the first is open, BadRequest when an input has been deleted, and as `request_images`, whose
    rules hold for a retry as for any other request.
    """
    if job.is_open:
        raise Conflict(_("This job is still under way."), code="job_open")
    inputs_by_id = {str(row.pk): row for row in job.inputs.all()}
    if len(inputs_by_id) < len(set(job.input_order)):
        raise BadRequest(_("An input picture of this job was deleted."), code="input_gone", param="image")
    return request_images(
        JobRequest(
            caller=caller,
            values={**job.request, "engine": str(job.engine_id) if job.engine_id else ""},
            images=[inputs_by_id[key] for key in job.input_order],
            mask=job.mask,
            context=inputs.context_of(job),
        )
    )[0]


def forget_job(job: ImageJob) -> None:
    """Delete a job of a temporary chat once it has ended and its pictures are shown; the files stay until their end."""
    if job.expires_at is not None:
        ImageJob.objects.ended().filter(pk=job.pk).delete()


def purge_jobs(*, now: datetime) -> None:
    """Delete jobs of temporary chats that have ended and whose time is over: nobody waited for their pictures."""
    ImageJob.objects.ended().filter(expires_at__lt=now).delete()


def purge_ended_jobs(*, before: datetime) -> int:
    """Delete jobs that ended before a time; returns how many. Their pictures stay, with how they were made."""
    return deletion.in_batches(ImageJob.objects.ended().filter(ended__lt=before))


def finished_files(job: ImageJob) -> list[File]:
    """The pictures of a job that has ended well; raises its error, or Conflict when it was cancelled."""
    if job.state == ImageJob.State.SUCCEEDED:
        return list(job.files.order_by("created"))
    if job.state == ImageJob.State.CANCELLED:
        raise Conflict(_("The picture was cancelled."), code="job_cancelled")
    raise error_of(job)


def error_of(job: ImageJob) -> GatewayError:
    """The error that a failed job ended with, as it was raised."""
    body = job.error or {}
    return ERRORS.get(body.get("blame", ""), GatewayError)(
        sentences.remade(body.get("text")) or body.get("message") or _("The picture could not be made."),
        code=body.get("code"),
        param=body.get("param"),
        provider=body.get("provider", ""),
        provider_code=body.get("provider_code", ""),
        retryable=bool(body.get("retryable")),
        retry_after=body.get("retry_after"),
        status=body.get("status") or 502,
    )


def _keep(inputs_of_job: Sequence[File]) -> None:
    """Uploads that a job was drawn from stay until their owner deletes them: a retry needs all of them."""
    File.objects.filter(pk__in=[row.pk for row in inputs_of_job], expires_at__isnull=False).update(expires_at=None)


def _first_job(caller: Caller, key: str, digest: str) -> ImageJob | None:
    """The job of an earlier request with this idempotency key; None where there is none.

    Also None for one that failed and may be tried again: it loses its key to the next attempt. Raises Conflict where
    the key was used for another request.
    """
    job = ImageJob.objects.select_related("engine").filter(user_id=caller.user_id, idempotency_key=key[:200]).first()
    if job is not None and job.request_digest != digest:
        raise Conflict(_("This Idempotency-Key was used for another request."), code="idempotency_key_reused")
    if job is not None and job.state == ImageJob.State.FAILED and (job.error or {}).get("retryable"):
        ImageJob.objects.filter(pk=job.pk, state=ImageJob.State.FAILED).update(idempotency_key="")
        return None
    return job


def _digest(values: Mapping[str, Any], images: Sequence[File], mask: File | None) -> str:
    """The digest of a request, for its idempotency key: of the values and the bytes of the inputs."""
    request = {**values, "image": [row.sha256 for row in images], "mask": mask.sha256 if mask else None}
    return hashlib.sha256(json_bodies.canonical(request)).hexdigest()
