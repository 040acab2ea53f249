"""The demo upstream: a model without an AI, so that a chat answers before any key is entered.

It speaks OpenAI's protocol over a real socket on this machine, is started by the first call to `http://demo.localhost/v1`,
and says in every answer what it is. The connection row that leads here is seeded by `providers`; without the row there
is no demo.
"""

from providers import http

HOST = "demo.localhost"


def register() -> None:
    """Let `http://demo.localhost` lead to the demo; nothing is started yet."""
    http.register_local(HOST, _start)


def _start() -> http.LocalServer:
    from webui.demo import server

    return server.start()
