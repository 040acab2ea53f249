"""Servers of this very process, behind names that end in `.localhost` (the demo upstream).

A name's server starts at its first use, on a free loopback port, once per process; both faces of the door then put its
port in place of the name. Such a name never leaves the machine (RFC 6761).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from providers import runtime
from providers.http.policy import Reach, origin


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that listens. `stop` ends it from any thread."""

    address: str
    port: int
    stop: Callable[[], None]


_starts: dict[str, Callable[[], LocalServer]] = {}


class LocalServers:
    """The servers that have been started, by name."""

    def __init__(self) -> None:
        self.by_name: dict[str, LocalServer] = {}
        self.lock = threading.Lock()

    def close(self) -> None:
        for server in self.by_name.values():
            server.stop()


def register_local(host: str, start: Callable[[], LocalServer]) -> None:
    """Let `http://{host}/…` lead to the server that `start` starts; it blocks until that listens."""
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
    servers = runtime.state(LocalServers)
    with servers.lock:
        if host not in servers.by_name:
            servers.by_name[host] = _starts[host]()
        server = servers.by_name[host]
    return urlunsplit(parts._replace(netloc=f"{server.address}:{server.port}"))


def destination(url: str, reach: Reach, trusted_origin: str) -> tuple[str, Reach]:
    """Where a blocking call goes, and how far it may reach: what is at `trusted_origin` counts as configured."""
    if reach is Reach.CONFIGURED and is_local(url):
        return locate(url), reach
    if reach is Reach.PUBLIC and trusted_origin and origin(url) == origin(trusted_origin):
        return url, Reach.CONFIGURED
    return url, reach
