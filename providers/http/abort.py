"""Ending a blocking call from another thread: a thread that waits in `recv` can only be woken through its socket."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from weakref import WeakSet

_current: ContextVar["Abort | None"] = ContextVar("abort", default=None)


class Abort:
    """A handle for one or more blocking calls. `fire` shuts their connections, those still to be made included.

    The calls then fail with NetworkError, and the server sees its client leave.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()  # a call that ended takes its socket away
        self.fired = False

    def fire(self) -> None:
        """From any thread, any number of times; returns at once."""
        with self._lock:
            self.fired = True
            sockets = list(self._sockets)
        for sock in sockets:
            _shut(sock)

    def watch(self, sock: socket.socket) -> None:
        """A connection that was opened under this handle (the door calls it)."""
        with self._lock:
            if not self.fired:
                self._sockets.add(sock)
                return
        _shut(sock)

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Within the block, the connections that this thread opens are watched, until they end."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def watch(sock: socket.socket) -> None:
    """Put a fresh connection under the handle in force, if there is one."""
    if abort := _current.get():
        abort.watch(sock)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already closed
        # Not the TLS socket's own `shutdown`: it takes the TLS state away under the thread that is reading.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
