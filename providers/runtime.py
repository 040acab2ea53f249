"""The runtime: one object with all state of this process that is in no row (caches, threads, counters).

A state class has a constructor without arguments and, where something has to end with the process, `close()`. Its one
instance is made at the first use: `runtime.state(Circuits)`. Do not keep that instance anywhere else: a forked process
and each test replace the runtime as a whole. Tables are constants and stay in their modules; what
apps register with each other is a signal of Django's.
"""

import atexit
import logging
import os
import threading
from typing import Any, TypeVar

S = TypeVar("S")

PASSES = 3  # of `close`: work that ends late may make a state again that was closed before

logger = logging.getLogger(__name__)


class Runtime:
    """The states of one process by their class, in the order in which they were made."""

    def __init__(self) -> None:
        self.states: dict[type, Any] = {}
        self._lock = threading.RLock()  # reentrant: a constructor may ask for other states

    def state(self, kind: type[S]) -> S:
        """The instance of a state class, from any thread. Constructors run under a lock: they wait for no thread."""
        instance = self.states.get(kind)
        return instance if instance is not None else self._make(kind)

    def _make(self, kind: type[S]) -> S:
        with self._lock:
            instance: S | None = self.states.get(kind)
            if instance is None:
                instance = kind()
                self.states[kind] = instance
            return instance

    def close(self) -> None:
        """Close every state, the newest first. Blocks: never call it on an event loop. Raises nothing.

        A state that is used afterwards is made anew, and closed by the next call.
        """
        for _pass in range(PASSES):
            for kind in reversed(list(self.states)):
                close = getattr(self.states.pop(kind, None), "close", None)
                if close is None:
                    continue
                try:
                    close()
                except Exception:  # the other states still have to write what they hold
                    logger.exception("%s could not be closed", kind.__name__)


_current = Runtime()
_inherited: list[Runtime] = []  # the runtimes of the processes that this one was forked from


def state(kind: type[S]) -> S:
    """This process's instance of a state class."""
    instance: S | None = _current.states.get(kind)  # looked up here: each call of a model comes by ten times
    return instance if instance is not None else _current.state(kind)


def close() -> None:
    """Close the state of this process when a server has stopped or the interpreter ends. Raises nothing."""
    _current.close()


def replace() -> None:
    """Close the runtime and replace it with an empty one (for tests)."""
    global _current
    _current.close()
    _current = Runtime()


def _begin_anew() -> None:
    """Start with an empty runtime in a forked process: it has none of the threads, and locks may be held for ever.

    A reference to the parent's runtime stays: collected, its objects would close connections that the parent uses.
    """
    global _current
    _inherited.append(_current)
    _current = Runtime()


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(close)
