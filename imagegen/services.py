"""The verbs of picture making: ask, cancel, retry; used alike by the page, the API, the chat and the admin."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.models import Chat, File, Message
from imagegen import access, inputs, jobs, rows
from imagegen.jobs import claims
from imagegen.models import ImageJob
from imagegen.picture_request import PictureRequest
from providers.errors import BadRequest, CallerError, Conflict, GatewayError, NetworkError, ProviderError

MAX_OPEN_PER_USER = 50  # jobs of one person that wait or run
OWN_VALUES = ("original_prompt",)  # kept with the request though no engine reads them
ERRORS = {one.blame: one for one in (CallerError, ProviderError, NetworkError)}  # of failed jobs, by who is to blame


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pictures belong, besides their owner."""

    chat: Chat | None = None
    message: Message | None = None
    session_id: str = ""
    expires_at: datetime | None = None  # of pictures for a temporary chat


NOWHERE = Place()


def request_images(
    user: Any,
    values: Mapping[str, Any],
    *,
    images: Sequence[File] = (),
    mask: File | None = None,
    place: Place = NOWHERE,
    idempotency_key: str = "",
) -> tuple[ImageJob, bool]:
    """Write the job and set it going; returns it and whether it is new (a repeated key returns the first job).

    With `images` it is an edit. Everything that can be known before drawing is refused here: Forbidden, NotFound
    (engine), BadRequest (what the engine cannot express), ConfigurationError, Conflict (the key was used for another
    request).
    """
    editing = bool(images)
    switches = access.check_may_draw(user, editing=editing)
    digest = _digest(values, images, mask)
    if idempotency_key and (first := _first_job(user, idempotency_key, digest)):
        return first, False
    engine = access.engine_for(user, switches, name=str(values.get("engine") or ""), editing=editing)
    wish = PictureRequest.from_values(
        values,
        images=tuple(inputs.picture_of(row) for row in images),
        mask=inputs.picture_of(mask) if mask else None,
    )
    wish = rows.engine_of(engine).prepare(rows.config_of(engine), wish)
    if ImageJob.objects.filter(user_id=user.pk, state__in=ImageJob.OPEN).count() >= MAX_OPEN_PER_USER:
        raise Conflict(_("You have %d pictures waiting already. Let some finish first.") % MAX_OPEN_PER_USER)
    kept = wish.values() | {name: values[name] for name in OWN_VALUES if isinstance(values.get(name), str)}
    try:
        with transaction.atomic():
            job = ImageJob.objects.create(
                user_id=user.pk,
                engine=engine,
                prompt=wish.prompt,
                request=kept,
                mask=mask,
                input_order=inputs.ids_of(images),
                chat=place.chat,
                message=place.message,
                session_id=place.session_id,
                expires_at=place.expires_at,
                idempotency_key=idempotency_key[:200],
                request_digest=digest,
                worker=claims.worker(),
                heartbeat=timezone.now(),
            )
            job.inputs.set(images)
            if place.expires_at is None:
                _let_stay([*images, *([mask] if mask else [])])
            jobs.submit(job)
    except IntegrityError:  # the same key arrived twice at once
        first = _first_job(user, idempotency_key, digest)
        if first is None:
            raise
        return first, False
    return job, True


def cancel_job(job: ImageJob) -> None:
    """Ask for the job's end, wherever it runs. Raises Conflict when it has ended."""
    if not job.is_open:
        raise Conflict(_("This job has ended already."), code="job_ended")
    jobs.cancel(job)


def retry_job(user: Any, job: ImageJob) -> ImageJob:
    """The same wish once more, as a new job. Raises Conflict while the first is open, and what a new request raises."""
    if job.is_open:
        raise Conflict(_("This job is still under way."), code="job_open")
    kept = {str(row.pk): row for row in job.inputs.all()}
    if len(kept) < len(set(job.input_order)):
        raise BadRequest(_("An input picture of this job was deleted."), code="input_gone", param="image")
    values = {**job.request, "engine": str(job.engine_id) if job.engine_id else ""}
    place = Place(chat=job.chat, message=job.message, session_id=job.session_id, expires_at=job.expires_at)
    images = [kept[key] for key in job.input_order]
    return request_images(user, values, images=images, mask=job.mask, place=place)[0]


def forget_job(job: ImageJob) -> None:
    """A job of a temporary chat has ended and its pictures are shown: its wish is nobody's any more."""
    if job.expires_at is not None:
        ImageJob.objects.filter(pk=job.pk).exclude(state__in=ImageJob.OPEN).delete()


def purge_jobs(*, now: datetime) -> None:
    """The same for jobs of temporary chats that nobody waited for, once their time is over."""
    ImageJob.objects.filter(expires_at__lt=now).exclude(state__in=ImageJob.OPEN).delete()


def finished_files(job: ImageJob) -> list[File]:
    """The pictures of a job that has ended well; raises its error, or Conflict when it was cancelled."""
    if job.state == ImageJob.State.SUCCEEDED:
        return list(job.files.order_by("created"))
    if job.state == ImageJob.State.CANCELLED:
        raise Conflict(_("The picture was cancelled."), code="job_cancelled")
    raise error_of(job)


def error_of(job: ImageJob) -> GatewayError:
    """The error that a failed job ended with, as it was raised."""
    kept = job.error or {}
    return ERRORS.get(kept.get("blame", ""), GatewayError)(
        kept.get("message") or _("The picture could not be made."),
        code=kept.get("code"),
        provider=kept.get("provider", ""),
        retryable=bool(kept.get("retryable")),
        retry_after=kept.get("retry_after"),
        status=kept.get("status") or 502,
    )


def _let_stay(needed: Sequence[File]) -> None:
    """What a job was drawn from stays as long as its owner wants: a retry must not find half of it."""
    File.objects.filter(pk__in=[row.pk for row in needed], expires_at__isnull=False).update(expires_at=None)


def _first_job(user: Any, key: str, digest: str) -> ImageJob | None:
    job = ImageJob.objects.select_related("engine").filter(user_id=user.pk, idempotency_key=key[:200]).first()
    if job is not None and job.request_digest != digest:
        raise Conflict(_("This Idempotency-Key was used for another request."), code="idempotency_key_reused")
    return job


def _digest(values: Mapping[str, Any], images: Sequence[File], mask: File | None) -> str:
    said = {**values, "image": [row.sha256 for row in images], "mask": mask.sha256 if mask else None}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
