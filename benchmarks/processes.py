"""The processes of a run: who sits on which core, how they start, what they weigh."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


def cores() -> tuple[int, int] | None:
    """(the server's core, the load's core); None where cores cannot be chosen or there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


def pin(core: int | None) -> None:
    """Keep this process on one core; threads and children inherit it."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def fast_loop() -> asyncio.AbstractEventLoop:
    """uvloop's loop where it is installed: the load has to cost less than what it measures."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Process:
    """A child on a core of its own; `started` seconds passed from its start to its first answer."""

    def __init__(self, words: Sequence[str], port: int, core: int | None, env: Mapping[str, str], log: Path) -> None:
        self.port = port
        self._log = log
        began = time.perf_counter()
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=dict(env),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: pin(core),
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        self.started = time.perf_counter() - began

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        """Ask until somebody answers. A connection that was accepted waits for its answer."""
        end = time.perf_counter() + START_SECONDS
        while time.perf_counter() < end:
            if self._child.poll() is not None:
                raise RuntimeError(f"{' '.join(self._child.args)} ended by itself:\n{self.log()}")  # type: ignore[arg-type]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 30) as sock:
                sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                if sock.recv(64).startswith(b"HTTP/1.1 "):
                    return
            time.sleep(0.01)
        raise RuntimeError(f"no answer within {START_SECONDS} s:\n{self.log()}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def memory(self) -> float:
        """Resident megabytes of the process and its children."""
        total = 0
        for pid in (self._child.pid, *_children(self._child.pid)):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1])
        return total / 1024

    def processor_seconds(self) -> float:
        """What the process has computed so far; unlike the clock it does not run while others have the core."""
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGTERM)
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
