"""The run of a job by an engine: how its owner cancels it, and how the engine checks, waits and reports."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from providers.errors import UpstreamTimeout
from providers.process import waiting
from providers.sentences import sentence as _


class Cancelled(Exception):
    """The run was cancelled, which is not an error."""


class Run:
    """One run of one engine.

    The owner may call `cancel()` from any thread. The engine calls `check()` between steps, waits with `sleep()`, and
    registers with `on_cancel` what must be aborted at once (an HTTP call). `deadline` is a `time.monotonic()` value.
    `started` is called with the upstream's id of the work, which is stored for `Engine.resume` and `Engine.cancel`.
    `id` is the job's: unique and hard to guess.
    """

    def __init__(
        self, *, id: str = "", deadline: float | None = None, started: Callable[[str], None] = lambda upstream_id: None
    ) -> None:
        self.id = id
        self.deadline = deadline
        self.started = started
        self.leaving = False  # cancelled because its process ends, not because anybody wants that
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Cancel the run, from any thread and more than once if need be; returns at once."""
        self._cancelled.set()
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def leave(self) -> None:
        """Cancel the run because its process ends."""
        self.leaving = not self.cancelled()
        self.cancel()

    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled or, after the deadline, UpstreamTimeout."""
        if self.cancelled():
            raise Cancelled
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise UpstreamTimeout(_("The picture took too long. Try again, or ask for a smaller one."))

    def sleep(self, seconds: float) -> None:
        """Wait, but not past a cancel or the deadline; then `check`."""
        left = self.remaining()
        waiting.for_event(self._cancelled, seconds if left is None else max(0.0, min(seconds, left)))
        self.check()

    def remaining(self) -> float | None:
        """Seconds until the deadline, never negative; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Register `callback` for the block: `cancel()` calls it in its own thread; at once if the run is cancelled
        already.
        """
        with self._lock:
            self._callbacks.append(callback)
        if self.cancelled():
            callback()  # perhaps a second time: a callback is harmless when repeated
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)
