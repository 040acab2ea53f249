"""Private names of urllib3: connections of our own in its pools.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

import contextlib
import http.client
import io
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, ClassVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from providers.http import tcp
from providers.http.abort import watch


class Deadlines:
    """The deadlines of a call, for connecting and for each read and write, on the monotonic clock."""

    __slots__ = ("connected", "over")

    def __init__(self, connected: float | None, over: float | None) -> None:
        self.connected, self.over = connected, over

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Apply these deadlines to every connection that this thread opens within the block."""
        token = _deadlines.set(self)
        try:
            yield
        finally:
            _deadlines.reset(token)


_deadlines: ContextVar[Deadlines] = ContextVar("deadlines")


class _TimedReads(io.RawIOBase):
    """The bytes of a socket, read within the time left. A socket's own timeout would restart at each read."""

    def __init__(self, sock: Any, deadlines: Deadlines) -> None:
        self._sock, self._deadlines = sock, deadlines
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(tcp.seconds_until(self._deadlines.over))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """A socket with deadlines, in the form that the standard library's response takes."""

    def __init__(self, sock: Any, deadlines: Deadlines) -> None:
        self._sock, self._deadlines = sock, deadlines

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReads(self._sock, self._deadlines))


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(_TimedSocket(sock, _deadlines.get()), *args, **options)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses (102, 103) as the library skips 100: it would take them for the final response."""
        version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, 100 if 101 < status < 200 else status, reason


class _Watched(HTTPConnection):
    """Connects within its limit, and adds its socket to the abort handle in force."""

    response_class = _TimedResponse
    only_public: ClassVar[bool] = False

    def connect(self) -> None:
        super().connect()
        watch(self.sock)  # the TLS socket has replaced ours
        self.sock.settimeout(tcp.seconds_until(_deadlines.get().over))  # for sending

    def _new_conn(self) -> socket.socket:
        """Overridden, because it is where urllib3 resolves the name and connects in one step.

        `_dns_host` is the name without the brackets of an IPv6 address, as the resolver wants it.
        """
        try:
            sock = tcp.connected(
                self._dns_host, self.port or 0, only_public=self.only_public, end=_deadlines.get().connected
            )
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "timed out") from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, "no address answers") from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch(sock)
        return sock


class _WatchedTls(_Watched, HTTPSConnection):
    """`_Watched` with TLS."""


class _Vetted(_Watched):
    """Connects to an address that was vetted, never to the name, whose DNS answer may differ a moment later."""

    only_public = True


class _VettedTls(_Vetted, HTTPSConnection):
    """`_Vetted` with TLS; SNI and certificate use the name."""


class _WatchedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(urllib3.HTTPSConnectionPool):
    """Does not warn about unchecked certificates: an administrator chose that."""

    def _validate_conn(self, conn: Any) -> None:
        """Overridden, because it connects and warns; this one only connects."""
        if conn.is_closed:
            conn.connect()


class _WatchedTlsPool(_TlsPool):
    ConnectionCls = _WatchedTls


class _VettedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Vetted


class _VettedTlsPool(_TlsPool):
    ConnectionCls = _VettedTls


WATCHED_POOLS: dict[str, type] = {"http": _WatchedPool, "https": _WatchedTlsPool}
VETTED_POOLS: dict[str, type] = {"http": _VettedPool, "https": _VettedTlsPool}


def use_pools(manager: urllib3.PoolManager, pools: dict[str, type]) -> None:
    """Have the manager use these pools. The attribute is public, its content is not documented."""
    manager.pool_classes_by_scheme = pools
