"""Servers of this very process, behind names that end in `.localhost` (the demo upstream).

A name's server starts at its first use, on a free loopback port, once per process; both faces of the door then put its
port in place of the name. Such a name never leaves the machine (RFC 6761).
"""

import threading
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

_starts: dict[str, Callable[[], tuple[str, int]]] = {}
_running: dict[str, tuple[str, int]] = {}
_lock = threading.Lock()


def register_local(host: str, start: Callable[[], tuple[str, int]]) -> None:
    """Let `http://{host}/…` lead to the server that `start` starts; it blocks and returns the address it listens on."""
    if not host.endswith(".localhost"):
        raise ValueError("A local server's name ends in .localhost")
    _starts[host] = start


def is_local(url: str) -> bool:
    """Whether the URL names a registered server. Cheap: most URLs end the question at the first test."""
    return ".localhost" in url and urlsplit(url).hostname in _starts


def locate(url: str) -> str:
    """The URL with the running server's address in it; starts the server when nobody has, so it may block."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    with _lock:
        if host not in _running:
            _running[host] = _starts[host]()
        address, port = _running[host]
    return urlunsplit(parts._replace(netloc=f"{address}:{port}"))
