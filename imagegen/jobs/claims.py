"""Claims: which process owns which job. Conditional writes, so that two processes never run the same job."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat.models import Message
from imagegen import rows
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers.process import clock, identity

STALE = timedelta(seconds=10)  # a job with an older heartbeat belongs to a process that has died
HEARTBEAT_SECONDS = 2.0
NOBODY = "nobody"  # instead of a process's name: the job was let go

State = ImageJob.State


def worker() -> str:
    """The name of this process in the rows of its jobs."""
    return identity.name()


def take_next(mine: Iterable[Any]) -> ImageJob | None:
    """Set the oldest of these queued jobs to running that its person and its engine have room for; None without one."""
    with transaction.atomic():
        waiting = ImageJob.objects.filter(
            pk__in=list(mine), state=State.QUEUED, worker=worker(), cancel_requested=False
        )
        per_user = ImageSettings.load().per_user
        full: set[tuple[str, Any]] = set()
        for job in waiting.order_by("created").select_related("engine"):
            person, engine = ("user", job.user_id), ("engine", job.engine_id)
            if person in full or engine in full:
                continue
            if ImageJob.objects.filter(state=State.RUNNING, user_id=job.user_id).count() >= per_user:
                full.add(person)
                continue
            if job.engine is not None and not _has_room(job.engine):
                full.add(engine)
                continue
            now = timezone.now()
            job.attempts += 1
            changed = ImageJob.objects.filter(pk=job.pk, state=State.QUEUED, worker=worker()).update(
                state=State.RUNNING, heartbeat=now, started=now, attempts=job.attempts
            )
            if changed:
                job.state = State.RUNNING
                return job
    return None


def _has_room(engine: ImageEngine) -> bool:
    # The engine's row is the lock: two processes that count at the same time would both take the last free slot.
    ImageEngine.objects.select_for_update().get(pk=engine.pk)
    running = ImageJob.objects.filter(state=State.RUNNING)
    if rows.engine_of(engine).exclusive:
        return not running.filter(engine__url=engine.url, engine__kind=engine.kind).exists()
    return running.filter(engine=engine).count() < engine.concurrency


def queue_position(job: ImageJob) -> int:
    """The number of waiting jobs of the same engine that come first."""
    return ImageJob.objects.filter(engine_id=job.engine_id, state=State.QUEUED, created__lt=job.created).count()


def waiting_of(engine: ImageEngine) -> int:
    """The number of waiting jobs of this engine: all of them come before one that is made now."""
    return ImageJob.objects.filter(engine=engine, state=State.QUEUED).count()


def beat(job_ids: Iterable[Any]) -> set[Any]:
    """Write the heartbeats of these jobs; returns those that are to be cancelled."""
    ids = list(job_ids)
    ImageJob.objects.open().filter(pk__in=ids, worker=worker()).update(heartbeat=timezone.now())
    return unwanted(ids)


def unwanted(job_ids: Iterable[Any]) -> set[Any]:
    """Which of these jobs are to be cancelled, by a request to any process."""
    ours = ImageJob.objects.open().filter(pk__in=list(job_ids), worker=worker(), cancel_requested=True)
    return set(ours.values_list("pk", flat=True))


def take_over(held: Iterable[Any], *, stale: bool = True) -> list[ImageJob]:
    """Claim the open jobs that no process owns or whose process has died, except those in `held`.

    Returns them with their `state` unchanged. With `stale` false, an old heartbeat does not count as a sign of death:
    no process could write one meanwhile.
    """
    open_jobs = ImageJob.objects.open()
    now = timezone.now()
    others = open_jobs.exclude(pk__in=list(held)).values_list("pk", "worker", "heartbeat", "message__status")
    left = {
        pk: (owner, heartbeat)
        for pk, owner, heartbeat, reply in others
        if (stale and heartbeat and clock.is_old(heartbeat, STALE, now))
        or owner == NOBODY
        # A job of a chat waits until its reply is known to be lost: only then the job's end attaches the pictures.
        or (reply not in Message.RUNNING and identity.has_ended(owner))
    }
    taken = []
    for job in open_jobs.filter(pk__in=list(left)).select_related("engine"):
        # Only a job that is still as read above: another process may have claimed it since.
        owner, heartbeat = left[job.pk]
        unchanged = ImageJob.objects.filter(pk=job.pk, state=job.state, worker=owner, heartbeat=heartbeat)
        if unchanged.update(worker=worker(), heartbeat=timezone.now()):
            job.worker = worker()
            taken.append(job)
    return taken


def let_go(job_ids: Iterable[Any]) -> None:
    """Give up the claim on these jobs when this process ends, so that another can take them over at once."""
    ours = ImageJob.objects.open().filter(pk__in=list(job_ids), worker=worker())
    ours.update(worker=NOBODY, heartbeat=timezone.now() - 2 * STALE)  # stale for processes of an older version, too


def reread(job: ImageJob) -> ImageJob:
    """The job as its row is now; one that was deleted, with its person or its chat, counts as cancelled."""
    try:
        job.refresh_from_db()
    except ImageJob.DoesNotExist:
        job.state = State.CANCELLED
    return job


def move(job: ImageJob, engine: ImageEngine, request: dict[str, Any]) -> bool:
    """Put a running job of this process into another engine's queue; false when it has ended or is to be cancelled."""
    ours = ImageJob.objects.filter(pk=job.pk, state=State.RUNNING, worker=worker(), cancel_requested=False)
    values = {"engine": engine, "request": request, "upstream_id": "", "progress": {}, "started": None}
    changed = ours.update(state=State.QUEUED, **values)
    if changed:
        job.state, job.engine, job.request, job.upstream_id = State.QUEUED, engine, request, ""
    return bool(changed)


def finish(
    job: ImageJob, state: str, *, error: dict[str, Any] | None = None, usage: dict[str, Any] | None = None
) -> bool:
    """Write the end of the job; false when it had ended already."""
    changed = (
        ImageJob.objects.open()
        .filter(pk=job.pk)
        .update(state=state, error=error, usage=usage, ended=timezone.now(), progress={})
    )
    if changed:
        job.state, job.error, job.usage = state, error, usage
    return bool(changed)
