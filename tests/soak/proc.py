"""What the system tells of a server's process."""

import os
import re
from pathlib import Path

from tests.fixtures.need import require
from tests.fixtures.process import ServerProcess


def resident_kilobytes(site: ServerProcess) -> int:
    """The memory that the process holds now, without its children's."""
    return int(re.search(r"VmRSS:\s+(\d+)", (_folder(site) / "status").read_text())[1])


def open_files(site: ServerProcess) -> int:
    """How many files and sockets the process has open."""
    return len(os.listdir(_folder(site) / "fd"))


def _folder(site: ServerProcess) -> Path:
    require(Path("/proc/self/status").exists(), "this system does not tell a process's memory (no /proc)")
    assert site.process is not None
    return Path(f"/proc/{site.process.pid}")
