"""daphne, the default server, inside this process."""

import signal
from socket import socket
from typing import Any

from webui.serving import background
from webui.serving._daphne_private import DaphneServer
from webui.serving.listening_socket import MAX_SOCKET_MESSAGE


def run(application: Any, sock: socket) -> None:
    """Serve on `sock` until SIGTERM or SIGINT."""
    server = DaphneServer(
        application,
        sock,
        application_close_timeout=1,  # seconds until the task of a client that left is cancelled
        websocket_max_message_size=MAX_SOCKET_MESSAGE,
        websocket_max_frame_size=MAX_SOCKET_MESSAGE,
        server_name="",
    )
    background.start()
    # Twisted takes SIGINT over only from Python's own handler, which a shell that starts us in the background removes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    server.run()
