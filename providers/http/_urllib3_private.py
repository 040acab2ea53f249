"""What we take from urllib3 that it does not document: our own connections below its pools.

`tests/test_private_names.py` fails when an upgrade moves one of these names.
"""

import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from providers.http.abort import watch
from providers.http.policy import vet


class _Watched(HTTPConnection):
    """Tells the abort handle in force about its socket, once connected."""

    def connect(self) -> None:
        super().connect()
        # `sock` is taken away once the last byte of a request is sent, so the socket is kept under a name of ours.
        self.opened: Any = self.sock
        watch(self.opened)


class _WatchedTls(_Watched, HTTPSConnection):
    """The same with TLS."""


class _Vetted(_Watched):
    """Connects to an address that was judged, never to the name: what DNS says a moment later cannot matter."""

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
    """The same below TLS; SNI and certificate still go by the name."""


class _WatchedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(urllib3.HTTPSConnectionPool):
    """Without the warning about certificates that are not checked: an administrator chose that."""

    def _validate_conn(self, conn: Any) -> None:
        """Overridden, because it warns; all else that it does is to connect."""
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
    """Have the manager make these pools. The attribute is public; what it holds is read but not described."""
    manager.pool_classes_by_scheme = pools


def socket_of(raw: Any) -> Any:
    """The socket that a response of ours is read from; None once it is closed."""
    return getattr(raw.connection, "opened", None)
