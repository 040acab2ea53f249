"""Several processes on one listening socket: a parent that forks, watches and passes signals on.

The site is loaded before the fork, so the processes share its memory; the server is imported after it, because event
loops do not survive one.
"""

import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from webui.layers.shutdown import LONGEST_SECONDS

logger = logging.getLogger(__name__)
SHORT_LIFE = 2.0  # a worker that ends sooner than this many seconds is not restarted at once


class ChildProcess:
    """Work in a child process, started at once. The child prints a failure to the console."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._pid = os.fork()
        if not self._pid:
            _end(work)

    def wait(self) -> None:
        """Wait for the child. If it failed, end this process too: the child has printed the reason."""
        _pid, status = os.waitpid(self._pid, 0)
        if os.waitstatus_to_exitcode(status):
            sys.exit(1)


def _end(work: Callable[[], None]) -> NoReturn:
    """Do `work` and end this process without the parent's clean-up."""
    code = 1
    try:
        work()
        code = 0
    except (CommandError, ImproperlyConfigured) as error:
        sys.stderr.write(f"{error}\n")
    except Exception:  # the last thing this process can do about it is to say it
        logger.exception("Process %s could not go on", os.getpid())
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Workers:
    """`count` children that each call `serve()`; one that dies is replaced; SIGTERM and SIGINT end them all."""

    def __init__(self, count: int, serve: Callable[[], None], close_socket: Callable[[], None]) -> None:
        self.count = count
        self.serve = serve
        self.close_socket = close_socket
        self.started: dict[int, float] = {}
        self.stopping = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(self.count):
            self._fork()
        while self.started:
            try:
                pid, status = os.wait()
            except InterruptedError:
                continue
            except ChildProcessError:
                return
            born = self.started.pop(pid, 0.0)
            if self.stopping:
                continue
            logger.warning("Worker %s ended (%s); starting another", pid, os.waitstatus_to_exitcode(status))
            if time.monotonic() - born < SHORT_LIFE:
                time.sleep(SHORT_LIFE)
            if not self.stopping:
                self._fork()

    def _fork(self) -> None:
        pid = os.fork()
        if pid:
            self.started[pid] = time.monotonic()
            return
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        _end(self.serve)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        self._tell(signal.SIGTERM)
        self.close_socket()  # else a connection that no worker accepts would hang until all are closed
        # A worker that has not ended by then hangs.
        signal.signal(signal.SIGALRM, lambda *_: self._tell(signal.SIGKILL))
        signal.alarm(math.ceil(settings.STOP_GRACE_SECONDS) + LONGEST_SECONDS)

    def _tell(self, number: int) -> None:
        for pid in list(self.started):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                self.started.pop(pid, None)
