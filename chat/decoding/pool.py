"""The pool of worker processes: started by the first task, ended when no task came for a while.

Each task has a budget of processor time and of memory. A worker that exceeds it is killed, and the next task gets
another one. Whoever finds all of them busy waits for a while, without a database connection.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from django.conf import settings

from chat.decoding import frames
from chat.decoding.refusals import FAULT, NO_MEMORY, TOO_LARGE, UNREADABLE, NotDecoded
from providers import runtime
from providers.errors import Unavailable
from providers.process import outages, waiting
from providers.sentences import sentence as _

PATIENCE = 30.0  # seconds that a task waits for its turn, unless the caller has less or more
SLOW = ("pdf",)  # tasks that often use up their time
RETRY_SECONDS = 5.0
IDLE_SECONDS = 60.0
EXIT_SECONDS = 1.0  # between the end of a worker's pipe and that of its process
WALL = 4.0  # a task's time on the clock, as a multiple of its processor time: the machine may be busy
ANSWER_BYTES = 64 * 2**20  # of one answer, at most
SMALL = {"MALLOC_ARENA_MAX": "1"}  # each further one would count 64 MB of the memory that a worker may have
DAMAGES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})  # a decoder that breaks down

Content = bytes | Callable[[], bytes]  # a function is called once it is this task's turn

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaskResult:
    values: dict[str, Any]
    content: bytes


class Decoder:
    """One process. It is killed at its deadline, whether it works or is idle."""

    def __init__(self) -> None:
        self.deadline = time.monotonic() + IDLE_SECONDS
        self.is_late = False
        arguments = (str(settings.DECODING_SECONDS), str(settings.DECODING_MEMORY_BYTES))
        self.process = subprocess.Popen(  # noqa: S603 (nothing of it is from outside)
            [sys.executable, "-B", "-m", "chat.decoding.worker", *arguments],
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LANG": "C.UTF-8", **SMALL},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the server alone
        )

    def ask(self, request: dict[str, Any], contents: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
        """Raises frames.Broken when the process has ended."""
        frames.write(cast(BinaryIO, self.process.stdin), request, *contents)
        return frames.read(cast(BinaryIO, self.process.stdout))

    def end(self, *, patience: float = 0.0) -> int:
        """Kill the process, unless it ends by itself within so many seconds; returns how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):  # unwritten data cannot be flushed
                cast(BinaryIO, pipe).close()
        return self.process.wait()


class Decoders:
    """The workers, and the thread that ends those past their deadline."""

    def __init__(self) -> None:
        self.slots = threading.BoundedSemaphore(max(1, settings.DECODING_WORKERS))
        self.slow_slots = threading.BoundedSemaphore(max(1, settings.DECODING_WORKERS - 1))  # one slot for others
        self.changed = threading.Condition()
        self.workers: set[Decoder] = set()
        self.idle: list[Decoder] = []
        self.watcher: threading.Thread | None = None
        self.is_closed = False

    def run(self, request: dict[str, Any], contents: tuple[Content, ...], patience: float) -> TaskResult:
        with ExitStack() as turn:
            try:
                if request["task"] in SLOW:
                    turn.enter_context(waiting.in_turn(self.slow_slots, patience))
                turn.enter_context(waiting.in_turn(self.slots, patience))
            except TimeoutError:
                raise busy() from None
            return self._run(request, [content if isinstance(content, bytes) else content() for content in contents])

    def _run(self, request: dict[str, Any], contents: list[bytes]) -> TaskResult:
        if sum(map(len, contents)) > frames.MAX_BYTES:  # a worker would end instead of answering
            raise NotDecoded(TOO_LARGE)
        worker, is_new = self._take()
        try:
            values, answers = worker.ask(request, contents)
        except frames.Broken as broken:
            ended = self._end(worker, patience=EXIT_SECONDS)
            if self.is_closed:
                raise outages.restarting() from broken
            if not is_new and not worker.is_late and ended == -signal.SIGKILL:
                return self._run(request, contents)  # the worker was ended while it was idle: try another
            if ended >= 0 and ended != NO_MEMORY:  # the worker was not killed: its program failed
                logger.exception("A worker ended with status %s while it did “%s”", ended, request["task"])
                raise failed() from broken
            logger.warning("A worker ended with %s while it did “%s”", ended, request["task"])
            raise NotDecoded(UNREADABLE if -ended in DAMAGES else TOO_LARGE) from broken
        except BaseException:
            self._end(worker)
            raise
        error = str(values.get("error") or "")
        if error in (TOO_LARGE, FAULT):
            self._end(worker)
        else:
            self._give_back(worker)
        if error == FAULT:
            logger.error("“%s” failed in a worker:\n%s", request["task"], values.get("trace"))
        if error:
            raise NotDecoded(UNREADABLE if error == FAULT else error)
        return TaskResult(values.get("values") or {}, answers[0] if answers else b"")

    def _take(self) -> tuple[Decoder, bool]:
        """A worker with a deadline for one task, and whether it was just started."""
        with self.changed:
            worker = self.idle.pop() if self.idle else None
            is_new = worker is None or worker.process.poll() is not None
            if worker is not None and is_new:
                self.workers.discard(worker)
                worker.end()
            if worker is None or is_new:
                worker = Decoder()
                self.workers.add(worker)
            worker.deadline = time.monotonic() + settings.DECODING_SECONDS * WALL
            if self.watcher is None:
                self.watcher = threading.Thread(target=self._watch, name="decoding", daemon=True)
                self.watcher.start()
            self.changed.notify()
            return worker, is_new

    def _give_back(self, worker: Decoder) -> None:
        with self.changed:
            if not self.is_closed:
                worker.deadline = time.monotonic() + IDLE_SECONDS
                self.idle.append(worker)
                self.changed.notify()
                return
        self._end(worker)

    def _end(self, worker: Decoder, *, patience: float = 0.0) -> int:
        with self.changed:
            self.workers.discard(worker)
        return worker.end(patience=patience)

    def _watch(self) -> None:
        """End workers at their deadline, until there is none left."""
        with self.changed:
            while self.workers and not self.is_closed:
                now = time.monotonic()
                for worker in [worker for worker in self.workers if worker.deadline <= now]:
                    worker.is_late = True
                    if worker in self.idle:
                        self.idle.remove(worker)
                        self.workers.discard(worker)
                        worker.end()
                    else:  # the thread that waits for the worker sees the end of its pipe
                        worker.process.kill()
                        worker.deadline = now + IDLE_SECONDS
                if self.workers:
                    self.changed.wait(max(0.0, min(worker.deadline for worker in self.workers) - now))
            self.watcher = None

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            for worker in self.workers:
                worker.process.kill()
            for worker in self.idle:
                worker.end()
            self.idle.clear()
            watcher = self.watcher
            self.changed.notify()
        if watcher is not None:
            watcher.join()


def run(task: str, *contents: Content, patience: float = PATIENCE, **options: Any) -> TaskResult:
    """Run a task on these contents and return its result. Blocks.

    Raises NotDecoded with the reason, Unavailable when no worker becomes free in time or none can run, and what a
    content's function raises.
    """
    request = {"task": task, "options": options, "most": ANSWER_BYTES}
    return runtime.state(Decoders).run(request, contents, patience)


def busy() -> Unavailable:
    message = _("Many pictures and documents are being read right now. Try again in a moment.")
    return Unavailable(message, code="decoding_busy", retry_after=RETRY_SECONDS)


def failed() -> Unavailable:
    message = _("This site cannot read pictures and documents right now. Its log has the details.")
    return Unavailable(message, code="decoding_failed")
