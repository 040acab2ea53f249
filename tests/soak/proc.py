"""What the system tells of a server's process."""

import os
import re
from contextlib import suppress
from pathlib import Path

from tests.fixtures.need import require
from tests.fixtures.process import ServerProcess


def resident_kilobytes(site: ServerProcess) -> int:
    """The memory that the process holds now, without its children's."""
    return int(re.search(r"VmRSS:\s+(\d+)", (_folder(site) / "status").read_text())[1])


def open_files(site: ServerProcess) -> int:
    """How many files and sockets the process has open."""
    return len(os.listdir(_folder(site) / "fd"))


def open_sockets(site: ServerProcess) -> int:
    """How many sockets the process has open."""
    count = 0
    for link in (_folder(site) / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            count += os.readlink(link).startswith("socket:")
    return count


def _folder(site: ServerProcess) -> Path:
    require(Path("/proc/self/status").exists(), "this system does not tell a process's memory (no /proc)")
    assert site.process is not None
    return Path(f"/proc/{site.process.pid}")


def worker_at(site: ServerProcess, port: int) -> int:
    """The process id of the server's worker that holds the connection from this local port."""
    require(Path("/proc/net/tcp").exists(), "this system does not tell a process's connections (no /proc)")
    pattern = rf" [0-9A-F]+:{port:04X} \S+ 01 (?:\S+ +){{5}}(\d+)"
    [inode] = re.findall(pattern, Path("/proc/net/tcp").read_text())
    assert site.process is not None
    for pid in (_folder(site) / f"task/{site.process.pid}/children").read_text().split():
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if os.readlink(entry) == f"socket:[{inode}]":
                    return int(pid)
    raise AssertionError(f"no worker holds the connection from port {port}")
