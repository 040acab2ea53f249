"""TCP connections: the addresses of a host are tried in turn within one limit, where needed only public ones."""

import socket
import time

from providers.http.policy import vet

SHORTEST = 0.01  # seconds that a socket is given where the limit is almost over


def seconds_until(end: float | None) -> float | None:
    """The seconds until a time on the monotonic clock, as a socket takes them. Raises TimeoutError when it is past."""
    if end is None:
        return None
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return max(SHORTEST, seconds)


def connected(host: str, port: int, *, only_public: bool, end: float | None) -> socket.socket:
    """A connection to the first address that answers; the name is looked up once.

    Raises OSError as sockets do, and AddressRefused.
    """
    failure: OSError = ConnectionRefusedError()
    for _family, _kind, _protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if only_public:
            vet(str(address[0]))
        try:
            sock = socket.create_connection((str(address[0]), int(address[1])), timeout=seconds_until(end))
            sock.settimeout(seconds_until(end))  # for the TLS handshake
            return sock
        except OSError as error:
            failure = error
    raise failure
