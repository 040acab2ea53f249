"""The one thread per process that starts jobs, keeps their heartbeats going and takes over what others left behind."""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from imagegen import rows
from imagegen.engines.base import Run
from imagegen.jobs import claims, worker
from imagegen.jobs.shape import job_json
from imagegen.jobs.watching import Watch
from imagegen.models import ImageJob
from providers.errors import GatewayError

logger = logging.getLogger(__name__)
IDLE_SECONDS = 5.0  # between looks for jobs that others left behind
CANCEL_SECONDS = 0.5  # between looks for jobs of ours that another process is asked to cancel
State = ImageJob.State


@dataclass(slots=True)
class _Held:
    watch: Watch
    language: str | None
    run: Run | None = None  # None while it waits for a place
    thread: threading.Thread | None = None


_lock = threading.Lock()
_wake = threading.Event()
_held: dict[Any, _Held] = {}
_thread: threading.Thread | None = None
_ending = threading.Event()


def start() -> None:
    """Begin looking after jobs; safe to call again. A server does this once it serves."""
    global _thread
    with _lock:
        if _thread is None or not _thread.is_alive():
            _ending.clear()
            _thread = threading.Thread(target=_live, name="picture-jobs", daemon=True)
            _thread.start()


def submit(job: ImageJob) -> Watch:
    """Look after this written job; it starts when its transaction has committed and a place is free."""
    held = _hold(job)
    transaction.on_commit(_start_and_wake)
    return held.watch


def _start_and_wake() -> None:
    start()
    _wake.set()


def watch(job_id: Any) -> Watch | None:
    """The watch of an open job of this process; None when it has ended or another process runs it."""
    with _lock:
        held = _held.get(job_id)
    return held.watch if held else None


def wait_for(job: ImageJob, *, timeout: float | None = None) -> ImageJob:
    """Wait until the job has ended, in whatever process, and return its row as it is then."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while job.is_open and (deadline is None or time.monotonic() < deadline):
        seen = watch(job.pk)
        if seen is not None:
            seen.ended.wait(1.0)
        else:
            _ending.wait(0.3)
        job.refresh_from_db()
    return job


def cancel(job: ImageJob) -> None:
    """Ask for the end of an open job in whatever process; at once when it is ours or only waits."""
    ImageJob.objects.filter(pk=job.pk, state__in=ImageJob.OPEN).update(cancel_requested=True)
    with _lock:
        held = _held.get(job.pk)
    if held and held.run:
        held.run.cancel()
    elif job.state == State.QUEUED and ImageJob.objects.filter(pk=job.pk, state=State.QUEUED).exists():
        _end_waiting(job)
    _wake.set()


def look() -> None:
    """Have the thread look around now rather than at its next turn."""
    _wake.set()


def settle(timeout: float) -> None:
    """Wait until no thread of ours works on a job any more."""
    with _lock:
        threads = [held.thread for held in _held.values() if held.thread]
    for thread in threads:
        thread.join(timeout)


def stop(timeout: float) -> None:
    """End the thread and wait for those that draw; `start` begins anew (tests)."""
    global _thread
    _ending.set()
    _wake.set()
    with _lock:
        thread, _thread = _thread, None
        running = [held.run for held in _held.values() if held.run]
    for run in running:
        run.cancel()
    settle(timeout)
    if thread is not None:
        thread.join(timeout)
    with _lock:
        _held.clear()


def shutdown() -> None:
    """The process ends: running work is let go, so that the next one picks it up or says why it cannot."""
    _ending.set()
    _wake.set()
    with _lock:
        ours = list(_held)
    if ours:
        claims.let_go(ours)


def _hold(job: ImageJob) -> _Held:
    with _lock:
        return _held.setdefault(job.pk, _Held(Watch(job.pk, job.user_id), translation.get_language()))


def _end_waiting(job: ImageJob) -> None:
    if claims.finish(job, State.CANCELLED):
        _drop(job)


def _drop(job: ImageJob) -> None:
    with _lock:
        held = _held.pop(job.pk, None)
    if held and not held.watch.ended.is_set():
        job.refresh_from_db()
        held.watch.end(job_json(job))


def _live() -> None:
    while not _ending.is_set():
        try:
            _tick()
        except Exception:  # the outermost edge of this thread: without it no job of this process would go on
            logger.exception("Picture jobs cannot be looked after right now")
        finally:
            connections.close_all()
        _rest()
        _wake.clear()


def _rest() -> None:
    """Until the next turn, or until somebody wants something: this process by waking us, another in the rows."""
    with _lock:
        ours = list(_held)
    if not ours:
        _wake.wait(IDLE_SECONDS)
        return
    end = time.monotonic() + claims.HEARTBEAT_SECONDS
    while time.monotonic() < end and not _wake.wait(CANCEL_SECONDS):
        try:
            if claims.unwanted(ours):
                return
        except DatabaseError:
            return  # the next turn says so
        finally:
            connections.close_all()


def _tick() -> None:
    with _lock:
        ours = list(_held)
    if ours:
        for job_id in claims.beat(ours):
            if job := ImageJob.objects.select_related("engine").filter(pk=job_id).first():
                cancel(job)
    for job in claims.take_over_stale():
        _adopt(job)
    with _lock:
        waiting = [job_id for job_id, held in _held.items() if held.run is None]
    while waiting and (job := claims.take_next(waiting)) is not None:
        waiting.remove(job.pk)
        _run(job, resume=False)


def _run(job: ImageJob, *, resume: bool) -> None:
    held = _hold(job)
    held.run = run = worker.make_run(job)

    def live() -> None:
        try:
            worker.work(job, run, held.watch, resume=resume, language=held.language)
        finally:
            with _lock:
                _held.pop(job.pk, None)
            _wake.set()  # a place is free

    held.watch.began()
    held.thread = threading.Thread(target=live, name=f"picture-{job.pk}", daemon=True)
    held.thread.start()


def _adopt(job: ImageJob) -> None:
    """A job of a process that is gone: resumed, started, or failed in words."""
    if job.state == State.QUEUED:
        _hold(job)
        return
    if job.upstream_id and job.engine is not None and rows.engine_of(job.engine).resumable:
        _run(job, resume=True)
        if job.cancel_requested:
            cancel(job)  # its engine still draws: it is taken up to be told
        return
    if job.cancel_requested:
        _hold(job)
        _end_waiting(job)
        return
    error = GatewayError(
        _("The site was restarted while this picture was being made. Try again."), code="interrupted", retryable=True
    )
    _hold(job)
    if claims.finish(job, State.FAILED, error=error.message_body()):
        _drop(job)
