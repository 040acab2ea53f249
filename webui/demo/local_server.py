"""The start of the demo's server, which speaks OpenAI's protocol over a socket on this machine.

The first call to `http://demo.localhost/v1` starts it. `providers.config.first_rows` makes its connection.
"""

from providers import http

HOST = "demo.localhost"


def register() -> None:
    """Have calls to `http://demo.localhost` start and reach the demo."""
    http.register_local(HOST, _start)


def _start() -> http.LocalServer:
    from webui.demo import server  # late: most processes never start it

    return server.start()
