"""A handle that ends blocking calls from another thread. It shuts their sockets: only that wakes `recv`."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from weakref import WeakSet

from providers.process import context

_current: ContextVar["Abort | None"] = ContextVar("abort", default=None)


class Abort:
    """A handle for one or more blocking calls. `fire` shuts their connections, also those that are opened later.

    The calls then raise NetworkError, and the server sees that its client disconnects.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()  # an ended call drops its socket
        self.fired = False

    def fire(self) -> None:
        """End the calls. From any thread, any number of times; returns at once."""
        with self._lock:
            self.fired = True
            sockets = list(self._sockets)
        for sock in sockets:
            _shut(sock)

    def watch(self, sock: socket.socket) -> None:
        """Add a connection to this handle, or shut it if the handle was fired."""
        with self._lock:
            if not self.fired:
                self._sockets.add(sock)
                return
        _shut(sock)

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Add every connection that this thread opens within the block."""
        with context.assigned(_current, self):
            yield


def watch(sock: socket.socket) -> None:
    """Add a new connection to the handle in force, if there is one."""
    if abort := _current.get():
        abort.watch(sock)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already closed
        # Not the TLS socket's own `shutdown`: it would remove the TLS state that the reading thread uses.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
