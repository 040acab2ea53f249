"""The wait for the end of a job, whichever process draws it."""

import asyncio
import logging
import time
from typing import Any

from django.db import DatabaseError, InterfaceError

from chat.loop import in_thread
from imagegen.jobs import claims
from imagegen.jobs.dispatcher import Dispatcher
from imagegen.models import ImageJob
from providers import runtime
from providers.process import outages, waiting

FEED_SECONDS = 5.0  # between reads of the row of a job of this process, whose feed reports the end
LOOK_SECONDS = 0.3  # between reads of the row of a job of another process

logger = logging.getLogger(__name__)


def wait_for(job: ImageJob, *, timeout: float | None = None) -> ImageJob:
    """Wait until the job has ended or the time is over; returns the job as it is then.

    Raises Unavailable (`restarting`) when this process ends first.
    """
    dispatcher = runtime.state(Dispatcher)
    job_wait = _JobWait(job, timeout)
    while job_wait.goes_on:
        held = dispatcher.held_of(job.pk)
        if held is not None:
            waiting.for_event(held.feed.ended, job_wait.pause(FEED_SECONDS))
        else:
            waiting.for_event(dispatcher.ending, job_wait.pause(LOOK_SECONDS))
        if not job_wait.look():
            waiting.sleep(LOOK_SECONDS)
    return job


async def ended(job: ImageJob, *, seconds: float | None = None) -> ImageJob:
    """`wait_for` on the event loop: no thread waits."""
    dispatcher = runtime.state(Dispatcher)
    job_wait = _JobWait(job, seconds)
    while job_wait.goes_on:
        held = dispatcher.held_of(job.pk)
        if held is not None:
            await _feed_end(held.feed, job_wait.pause(FEED_SECONDS))
        else:
            await asyncio.sleep(job_wait.pause(LOOK_SECONDS))
        if not await in_thread(job_wait.look):
            await asyncio.sleep(LOOK_SECONDS)
    return job


class _JobWait:
    """The time limit of a wait for a job."""

    def __init__(self, job: ImageJob, seconds: float | None) -> None:
        self._job = job
        self._ends = float("inf") if seconds is None else time.monotonic() + seconds
        self._is_away = False  # the database

    @property
    def goes_on(self) -> bool:
        """Whether the job is open and there is time left. Raises Unavailable when this process ends."""
        if self._job.is_open and runtime.state(Dispatcher).ending.is_set():
            raise outages.restarting()
        return self._job.is_open and time.monotonic() < self._ends

    def pause(self, seconds: float) -> float:
        """The length of the next pause: these seconds, or the time left if that is less."""
        return min(seconds, max(0.0, self._ends - time.monotonic()))

    def look(self) -> bool:
        """Read the row again; False while the database is unreachable: the job itself goes on."""
        try:
            claims.reread(self._job)
        except (DatabaseError, InterfaceError) as error:
            if not self._is_away:
                logger.warning("Picture job %s cannot be read for now: %s", self._job.pk, error)
            self._is_away = True
            return False
        self._is_away = False
        return True


async def _feed_end(feed: Any, seconds: float) -> None:
    """Wait until the feed reports the end."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def hear(kind: str, _data: dict[str, Any]) -> None:
        if kind == "end":
            loop.call_soon_threadsafe(over.set)

    feed.listen(hear)
    try:
        if not feed.ended.is_set():
            await asyncio.wait_for(over.wait(), seconds)
    except TimeoutError:
        pass  # the caller reads the row
    finally:
        feed.unlisten(hear)
