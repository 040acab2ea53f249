"""The servers by name, and the start of one.

A server is a module with `run(application, sock)`, which returns once a SIGTERM or SIGINT has been obeyed. It is
imported only where it runs, after any fork: event loops do not survive one. To add one: write the module, add a line to
SERVERS.
"""

import gc
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from socket import socket
from typing import Any

from providers import runtime


@dataclass(frozen=True, slots=True)
class Kind:
    module: str
    needs: str  # the package
    install: str  # the argument of `pip install`


SERVERS = {
    "daphne": Kind("webui.serving.daphne_server", "daphne", "daphne"),
    "uvicorn": Kind("webui.serving.uvicorn_server", "uvicorn", '"uvicorn[standard]" (the extra [fast])'),
}


class CannotServe(Exception):
    """The server cannot start; the message says why and what to do."""


def check(server: str) -> None:
    """Raise CannotServe when the server is not installed."""
    kind = SERVERS[server]
    if find_spec(kind.needs) is None:
        raise CannotServe(f"{kind.needs} is not installed. Install it: .venv/bin/python -m pip install {kind.install}")


def load() -> Any:
    """The site as an ASGI application, its pages loaded: a mistake in them stops the start, and no visitor waits."""
    from django.urls import get_resolver

    from webui.asgi import application  # late: it is the whole site, which `check` does without

    get_resolver().url_patterns  # noqa: B018  (loads them)
    # The 130,000 objects loaded so far stay for good: the collector need not look at them again, and need not look for
    # garbage after every 700 new ones. Measured: 7 % of a relayed call. Before any fork, whose memory stays shared so.
    # All that is new is looked through after a million new ones: closed sockets hold themselves in circles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 5)
    return application


def run(server: str, application: Any, sock: socket) -> None:
    """Serve on `sock` in this process until told to stop."""
    try:
        import_module(SERVERS[server].module).run(application, sock)
    finally:
        runtime.close()  # a worker ends without Python's own clean-up
