"""What this process knows and does that is in no row: one runtime object, which holds all state of the process.

A state class has a constructor without arguments and, where something has to end with the process, `close()`. Its one
instance is made at its first use: `runtime.state(Circuits)`. Nobody keeps that instance anywhere else, because the
runtime is replaced whole: in a forked process, and in tests. Tables and listeners that are registered at import are
constants and stay in their modules.
"""

import atexit
import logging
import os
import threading
from typing import Any, TypeVar

S = TypeVar("S")

PASSES = 3  # of closing: work that ends late asks for states that were closed before it

logger = logging.getLogger(__name__)


class Runtime:
    """The states of one process, by class, in the order in which they were made."""

    def __init__(self) -> None:
        self._states: dict[type, Any] = {}
        self._lock = threading.RLock()  # a constructor asks for the states that its own state needs until it is closed

    def state(self, kind: type[S]) -> S:
        """The instance of this class, from any thread. Constructors run under a lock: they wait for no thread."""
        made = self._states.get(kind)
        return made if made is not None else self._make(kind)

    def _make(self, kind: type[S]) -> S:
        with self._lock:
            made: S | None = self._states.get(kind)
            if made is None:
                made = kind()
                self._states[kind] = made
            return made

    def close(self) -> None:
        """Close every state, the newest first. Blocks, so never on an event loop; raises nothing.

        A state that is asked for afterwards is made anew, and closed by the next call.
        """
        for _pass in range(PASSES):
            for kind in reversed(list(self._states)):
                close = getattr(self._states.pop(kind, None), "close", None)
                if close is None:
                    continue
                try:
                    close()
                except Exception:  # one state's failure must not keep the others from writing what they hold
                    logger.exception("%s could not be closed", kind.__name__)


_current = Runtime()
_inherited: list[Runtime] = []  # of the process that forked this one


def state(kind: type[S]) -> S:
    """This process's instance of a state class."""
    return _current.state(kind)


def close() -> None:
    """Close what this process holds: a server has stopped, or the interpreter ends. Raises nothing."""
    _current.close()


def replace() -> None:
    """Close the runtime and put an empty one in its place (tests)."""
    global _current
    _current.close()
    _current = Runtime()


def _begin_anew() -> None:
    """In a forked process: the threads are not there, locks may be held for ever, and connections are the parent's.

    The parent's runtime is kept alive, because its objects would close those connections when they are collected.
    """
    global _current
    _inherited.append(_current)
    _current = Runtime()


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(close)
