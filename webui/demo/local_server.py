"""The start of the demo's server, which speaks OpenAI's protocol over a socket on this machine.

The first call to `http://demo.localhost/v1` starts it. `providers.config.first_rows` makes its connection.
"""

from collections.abc import Callable
from typing import Any

from providers import http

HOST = "demo.localhost"


def register() -> None:
    """Have calls to `http://demo.localhost` start and reach the demo."""
    http.local_server_wanted.connect(_answer, dispatch_uid="webui.demo")


def _answer(sender: Any, host: str, **_more: Any) -> Callable[[], http.LocalServer] | None:
    return _start if host == HOST else None


def _start() -> http.LocalServer:
    from webui.demo import server  # late: most processes never start it

    return server.start()
