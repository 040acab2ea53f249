"""Private names of urllib3: connections of our own in its pools.

`tests/test_private_names.py` fails when an upgrade moves one of these names.
"""

import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from providers.http.abort import watch
from providers.http.policy import vet


class _Watched(HTTPConnection):
    """Adds its socket to the abort handle in force, once connected."""

    def connect(self) -> None:
        super().connect()
        # urllib3 clears `sock` after the last byte of a request, so the socket also has a name of ours.
        self.opened: Any = self.sock
        watch(self.opened)


class _WatchedTls(_Watched, HTTPSConnection):
    """The same with TLS."""


class _Vetted(_Watched):
    """Connects to an address that was vetted, never to the name, whose DNS answer may differ a moment later."""

    def _new_conn(self) -> socket.socket:
        """Overridden, because it is where urllib3 resolves the name and connects in one step.

        `_dns_host` is the name without the brackets of an IPv6 address, as the resolver wants it.
        """
        failure: OSError | None = None
        for _family, _kind, _protocol, _name, address in socket.getaddrinfo(
            self._dns_host, self.port, type=socket.SOCK_STREAM
        ):
            vet(str(address[0]))
            try:
                return socket.create_connection(
                    (str(address[0]), int(address[1])), timeout=urllib3.Timeout.resolve_default_timeout(self.timeout)
                )
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise urllib3.exceptions.ConnectTimeoutError(self, "timed out") from failure
        raise urllib3.exceptions.NewConnectionError(self, "no address answers") from failure


class _VettedTls(_Vetted, HTTPSConnection):
    """The same with TLS; SNI and certificate use the name."""


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


def socket_of(raw: Any) -> Any:
    """The socket of a response; None once it is closed."""
    return getattr(raw.connection, "opened", None)
