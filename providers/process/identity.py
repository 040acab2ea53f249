"""The name of this process in rows of what it works on, and whether another process of this machine has ended.

A name is `host:pid:namespace:token`. The namespace is a digest of the kernel's boot id and of the namespace of
process ids: two containers with the same host name differ in it. Of processes in another one nothing is known.
"""

import hashlib
import os
import secrets
import socket
from pathlib import Path

from providers import runtime


class Identity:
    """The name of this process, with a random token: a restart or a fork makes another name."""

    def __init__(self) -> None:
        self.namespace = _namespace()
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{self.namespace}:{secrets.token_hex(4)}"


def name() -> str:
    return runtime.state(Identity).name


def has_ended(name: str) -> bool:
    """Whether a process of this name is known to have ended; false where it may run on another machine."""
    _host, _colon, rest = name.partition(":")
    pid, _colon, rest = rest.partition(":")
    namespace = rest.partition(":")[0]
    if not namespace or namespace != runtime.state(Identity).namespace or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)  # asks, and sends nothing
    except ProcessLookupError:
        return True
    except OSError:
        return False  # the process exists and belongs to another account
    return _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in ("Z", "X")


def _namespace() -> str:
    """Empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]
