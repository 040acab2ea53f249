"""uvicorn (extra `[fast]`) inside this process."""

import signal
from socket import socket
from typing import Any

import uvicorn

from webui.layers.shutdown import STEP_SECONDS
from webui.serving import background
from webui.serving._uvicorn_private import UvicornServer
from webui.serving.listening_socket import MAX_SOCKET_MESSAGE


def run(application: Any, sock: socket) -> None:
    """Serve on `sock` until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        application,
        lifespan="off",  # UvicornServer.shutdown does the one thing it is for
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # Django reads the proxy's headers, when BEHIND_PROXY says that there is one
        server_header=False,
        timeout_graceful_shutdown=STEP_SECONDS,
        ws_max_size=MAX_SOCKET_MESSAGE,
        # Events are small: to compress them saves little and costs each open page 20 kB.
        ws_per_message_deflate=False,
    )
    # uvicorn raises the signal again once it has stopped; for us a stop that was asked for is a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    background.start()
    UvicornServer(config).run(sockets=[sock])
