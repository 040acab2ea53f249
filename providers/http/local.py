"""Servers inside this process, with host names that end in `.localhost` (the demo).

A server starts at the first call to its name, once per process, on a free loopback port; the HTTP clients then put
address and port in place of the name. Such names are never looked up (RFC 6761).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.dispatch import Signal

from providers import runtime
from providers.http.policy import Reach, origin
from providers.process import waiting


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A listening server. `stop` ends it, from any thread."""

    address: str
    port: int
    stop: Callable[[], None]


Start = Callable[[], LocalServer]  # blocks until the server listens

# `host`, which ends in `.localhost`: the app whose server has this name returns its `Start`, the others None.
local_server_wanted = Signal()


class LocalServers:
    """The started servers, by host name."""

    def __init__(self) -> None:
        self.by_name: dict[str, LocalServer] = {}
        self.lock = threading.Lock()

    def close(self) -> None:
        for server in self.by_name.values():
            server.stop()


def is_local(url: str) -> bool:
    """Whether the URL names a server of an app. Cheap: for most URLs one comparison."""
    return ".localhost" in url and bool(_starts(urlsplit(url).hostname or ""))


def _starts(host: str) -> list[Start]:
    """How the server of this name starts; empty where there is none."""
    if not host.endswith(".localhost"):
        return []
    answers: Any = local_server_wanted.send(sender=LocalServer, host=host)
    return [start for _receiver, start in answers if start is not None]


def locate(url: str) -> str:
    """The URL with the server's address and port. Starts the server if it does not run, so it may block."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    servers = runtime.state(LocalServers)
    waiting.give_back()
    with servers.lock:
        if host not in servers.by_name:
            (start,) = _starts(host)
            servers.by_name[host] = start()
        server = servers.by_name[host]
    return urlunsplit(parts._replace(netloc=f"{server.address}:{server.port}"))


def destination(url: str, reach: Reach, trusted_origin: str) -> tuple[str, Reach]:
    """The URL and the reach of a blocking call: addresses at `trusted_origin` count as configured."""
    if reach is Reach.CONFIGURED and is_local(url):
        return locate(url), reach
    if reach is Reach.PUBLIC and trusted_origin and origin(url) == origin(trusted_origin):
        return url, Reach.CONFIGURED
    return url, reach
