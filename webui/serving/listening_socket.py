"""The listening socket, opened before anything slow, so that a port that is in use is reported at once."""

import errno
import socket

from webui.serving.servers import CannotServe

MAX_SOCKET_MESSAGE = 64 * 1024  # bytes of a browser's message; its valid ones have about 150


def listen(host: str, port: int) -> socket.socket:
    """Return a bound, listening socket. Raises CannotServe with one clear line."""
    if not 0 <= port <= 65535:  # the system would take the remainder and listen somewhere else
        raise CannotServe(f"{port} is not a port. Choose one between 1 and 65535 with --port.")
    try:
        facts = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise CannotServe(
            f"“{host}” is not an address of this machine. Try --host 127.0.0.1 or --host 0.0.0.0."
        ) from error
    family, kind, protocol, _name, address = facts[0]
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise CannotServe(_words(error, host, port)) from error
    sock.setblocking(False)
    sock.set_inheritable(True)
    return sock


def _words(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program. Choose another with --port (make run PORT={port + 1})."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system. Choose one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"“{host}” is not an address of this machine. Try --host 127.0.0.1 or --host 0.0.0.0."
    return f"Cannot listen on {host}:{port}: {error.strerror}."
