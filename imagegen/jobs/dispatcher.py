"""The thread of each process that starts jobs, writes heartbeats and takes over the jobs of dead processes."""

import logging
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.utils import translation

from imagegen import access, rows
from imagegen.engines.base import Run
from imagegen.jobs import claims, results, worker
from imagegen.jobs.feed import JobFeed
from imagegen.jobs.shape import job_json
from imagegen.models import ImageJob
from providers import callers, runtime
from providers.errors import GatewayError
from providers.facts import Caller, Snapshot
from providers.permits import Permit
from providers.process import waiting
from providers.relay import budgets
from providers.relay.budgets import Hold
from providers.relay.usage import UsageWriter

logger = logging.getLogger(__name__)
IDLE_SECONDS = 2.0  # between looks for jobs of dead processes, and for those that were let go
LEAVE_SECONDS = 2.0  # how long the end of a process waits until upstreams have been told to stop
CLOCK_SECONDS = 1.0  # by which the clock may drift between two turns; more, and somebody has set it
CANCEL_SECONDS = 0.5  # between looks for own jobs that another process was asked to cancel
State = ImageJob.State


@dataclass(slots=True)
class _OpenJob:
    feed: JobFeed
    language: str | None
    permit: Permit  # ends with the person's account, or their right to the engine
    run: Run | None = None  # None while the job is queued
    thread: threading.Thread | None = None
    resumable: bool = False  # another process can go on with it
    hold: Hold | None = None  # what the job reserved of its person's budgets


class Dispatcher:
    """The open jobs of this process, and the thread that runs them."""

    def __init__(self) -> None:
        runtime.state(UsageWriter)  # a job that ends is recorded
        self.lock = threading.Lock()
        self.wake = threading.Event()
        self.ending = threading.Event()
        self.held: dict[Any, _OpenJob] = {}
        self.fallen: set[Any] = set()  # jobs whose permit has ended
        self.thread: threading.Thread | None = None
        self.claiming = threading.Semaphore(1)  # held while the thread takes jobs: none is taken after all were let go
        self.untrusted_at = float("-inf")  # when the heartbeats of others could not be trusted the last time
        self.clock_offset = _clock_offset()

    def start(self) -> None:
        with self.lock:
            if self.thread is None or not self.thread.is_alive():
                self.ending.clear()
                self.thread = threading.Thread(target=self._live, name="picture-jobs", daemon=True)
                self.thread.start()

    def start_and_wake(self) -> None:
        self.start()
        self.wake.set()

    def hold(self, job: ImageJob) -> _OpenJob:
        with self.lock:
            held = self.held.get(job.pk)
            if held is None:
                feed = JobFeed(job.pk, job.user_id)
                held = self.held[job.pk] = _OpenJob(feed, translation.get_language(), self._permit_of(job))
            return held

    def _permit_of(self, job: ImageJob) -> Permit:
        person = Caller(user_id=job.user_id, email="", name="", role="user", key_id=job.client_key)
        check = partial(_check, job.engine_id, str(job.request.get("model") or ""))
        return Permit(person, partial(self._fall, job.pk), check=check)

    def held_of(self, job_id: Any) -> _OpenJob | None:
        with self.lock:
            return self.held.get(job_id)

    def cancel(self, job: ImageJob) -> None:
        """Cancel an open job of any process; at once when it is of this process or queued."""
        ImageJob.objects.open().filter(pk=job.pk).update(cancel_requested=True)
        held = self.held_of(job.pk)
        if held and held.run:
            held.run.cancel()
        elif job.state == State.QUEUED and ImageJob.objects.filter(pk=job.pk, state=State.QUEUED).exists():
            self._end_waiting(job)
        self.wake.set()

    def settle(self, timeout: float) -> None:
        """Wait until no thread of this process works on a job."""
        with self.lock:
            threads = [held.thread for held in self.held.values() if held.thread]
        for thread in threads:
            waiting.for_thread(thread, timeout)

    def stop(self, timeout: float) -> None:
        """Cancel the jobs that this process draws, and wait until all its threads have ended."""
        self._end()
        if self.thread is not None:
            waiting.for_thread(self.thread, timeout)  # first: until it has ended it may begin another job
        with self.lock:
            running = [held.run for held in self.held.values() if held.run]
        for run in running:
            run.cancel()
        self.settle(timeout)
        for job_id in list(self.held):
            self._release(job_id)

    def close(self) -> None:
        """Release the jobs of this process, so that the next one takes them over. Harmless when repeated."""
        if self.ending.is_set():
            return
        self._end()
        with ExitStack() as turn:
            # A job that the thread takes meanwhile is released with the others.
            with suppress(TimeoutError):
                turn.enter_context(waiting.in_turn(self.claiming, LEAVE_SECONDS))
            with self.lock:
                ours = list(self.held)
                feeds = [held.feed for held in self.held.values()]
                running = [held for held in self.held.values() if held.run and not held.resumable]
            for feed in feeds:
                feed.let_go()
            if ours:
                claims.let_go(ours)
        # No other process can go on with these: their upstreams are told to stop while there is time.
        for held in running:
            if held.run:
                held.run.leave()
        end = time.monotonic() + LEAVE_SECONDS
        for held in running:
            if held.thread:
                waiting.for_thread(held.thread, max(0.0, end - time.monotonic()))

    def _end(self) -> None:
        self.ending.set()
        self.wake.set()

    def _end_waiting(self, job: ImageJob) -> None:
        if claims.finish(job, State.CANCELLED):
            self._drop(job)

    def _fall(self, job_id: Any, error: GatewayError) -> None:
        """End a job whose person lost the permission. Drawing stops at once; rows and queued jobs follow at the next
        turn.
        """
        held = self.held_of(job_id)
        if held and held.run:
            held.run.cancel()
        self.fallen.add(job_id)
        self.wake.set()

    def _release(self, job_id: Any) -> _OpenJob | None:
        with self.lock:
            held = self.held.pop(job_id, None)
        if held:
            held.permit.close()
            if held.hold is not None:
                held.hold.release()
        return held

    def _drop(self, job: ImageJob) -> None:
        held = self._release(job.pk)
        if held and not held.feed.ended.is_set():
            held.feed.end(job_json(claims.reread(job)))

    def _live(self) -> None:
        waiting.mark_own_work()
        while not self.ending.is_set():
            try:
                with self.claiming:
                    self._tick()
            except Exception:  # the outermost frame of this thread, without which no job of this process goes on
                self.untrusted_at = time.monotonic()  # without a database others could not write theirs either
                logger.exception("Picture jobs cannot be run right now")
            finally:
                connections.close_all()
            self._rest()
            self.wake.clear()

    def _rest(self) -> None:
        """Wait for the next turn: until woken by this process, until a row asks to be cancelled, or for a time."""
        with self.lock:
            ours = list(self.held)
        if not ours:
            waiting.for_event(self.wake, IDLE_SECONDS)
            return
        end = time.monotonic() + claims.HEARTBEAT_SECONDS
        while time.monotonic() < end and not waiting.for_event(self.wake, CANCEL_SECONDS):
            try:
                if claims.unwanted(ours):
                    return
            except DatabaseError:
                return  # the next turn logs it
            finally:
                connections.close_all()

    def _tick(self) -> None:
        if self.ending.is_set():
            return
        with self.lock:
            ours = list(self.held)
        fallen, self.fallen = self.fallen, set()
        if ours:
            for job_id in claims.beat(ours) | fallen:
                if job := ImageJob.objects.select_related("engine").filter(pk=job_id).first():
                    self.cancel(job)
                elif (held := self.held_of(job_id)) and held.run is None:
                    self._release(job_id)  # deleted while it waited
        if self._clock_was_set():
            self.untrusted_at = time.monotonic()  # heartbeats from before look older than they are
        is_trusted = time.monotonic() - self.untrusted_at > claims.STALE.total_seconds()
        for job in claims.take_over(ours, stale=is_trusted):
            self._adopt(job)
        with self.lock:
            waiting = [job_id for job_id, held in self.held.items() if held.run is None]
        while waiting and (job := claims.take_next(waiting)) is not None:
            waiting.remove(job.pk)
            self._run(job, resume=False)

    def _clock_was_set(self) -> bool:
        """Whether the system's clock went another way than its monotonic one since the last turn."""
        before, self.clock_offset = self.clock_offset, _clock_offset()
        return abs(self.clock_offset - before) > CLOCK_SECONDS

    def _run(self, job: ImageJob, *, resume: bool) -> None:
        held = self.hold(job)
        held.run = run = worker.make_run(job)
        held.resumable = job.engine is not None and rows.engine_of(job.engine).resumable

        def live() -> None:
            has_ended = True
            try:
                has_ended = worker.work(job, run, held.feed, resume=resume, language=held.language, hold=held.hold)
            finally:
                if has_ended:
                    self._release(job.pk)
                else:
                    self._wait_again(job, held)
                self.wake.set()  # there is room for the next job

        held.feed.began()
        held.thread = threading.Thread(target=live, name=f"picture-{job.pk}", daemon=True)
        held.thread.start()

    def _wait_again(self, job: ImageJob, held: _OpenJob) -> None:
        """Its engine is down, and it waits for another one, to which its person's right is looked at from now on."""
        permit = self._permit_of(job)
        with self.lock:
            held.permit, former = permit, held.permit
            held.run, held.thread, held.resumable = None, None, False
        former.close()

    def _adopt(self, job: ImageJob) -> None:
        """Take over a job of a dead process: resume it, keep it queued, or fail it with a reason."""
        held = self.hold(job)
        if held.hold is None:
            held.hold = budgets.taken_over(lambda: callers.caller_for_user(job.user), job.reserved)
        if job.state == State.QUEUED:
            return
        if job.upstream_id and job.engine is not None and rows.engine_of(job.engine).resumable:
            self._run(job, resume=True)
            if job.cancel_requested:
                self.cancel(job)  # resumed first: its engine still draws, and has to be stopped
            return
        if job.cancel_requested:
            self._end_waiting(job)
            return
        if claims.finish(job, State.FAILED, error=worker.lost().message_body()):
            results.show_or_log(job)
            self._drop(job)
        # The upstream's current work for this job is lost, and other jobs would wait for it.
        threading.Thread(target=worker.abandon, args=(job,), name=f"stop-{job.pk}", daemon=True).start()


def _check(engine_id: int | None, model: str, snapshot: Snapshot, caller: Caller) -> None:
    access.check_may_go_on(caller, engine_id, model)


def _clock_offset() -> float:
    return time.time() - time.monotonic()


def start() -> None:
    """Start the thread; safe to call again. A server does this once it serves."""
    runtime.state(Dispatcher).start()


def submit(job: ImageJob, hold: Hold | None = None) -> JobFeed:
    """Run the job of this row, once its transaction has committed and there is room for it. The job ends the hold."""
    dispatcher = runtime.state(Dispatcher)
    held = dispatcher.hold(job)
    held.hold = hold
    transaction.on_commit(dispatcher.start_and_wake)
    return held.feed


def feed_of(job_id: Any) -> JobFeed | None:
    """The feed of an open job of this process; None when it has ended or another process runs it."""
    held = runtime.state(Dispatcher).held_of(job_id)
    return held.feed if held else None


def cancel(job: ImageJob) -> None:
    """Cancel an open job of any process; at once when it is of this process or queued."""
    runtime.state(Dispatcher).cancel(job)


def look() -> None:
    """Have the thread take its next turn now."""
    runtime.state(Dispatcher).wake.set()


def settle(timeout: float) -> None:
    """Wait until no thread of this process works on a job."""
    runtime.state(Dispatcher).settle(timeout)


def stop(timeout: float) -> None:
    """Cancel the jobs that this process draws, and wait until all its threads have ended."""
    runtime.state(Dispatcher).stop(timeout)


def shutdown() -> None:
    """Release the jobs at the end of the process, so that the next one takes them over."""
    runtime.state(Dispatcher).close()
