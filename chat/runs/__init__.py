"""Running replies. A reply is a task of its process: it goes on when the request or the tab that asked for it is gone.

reply.py     the life of one reply, from its pending row to its last event
draft.py     the answer so far, and how much of it was sent to the sockets
store.py     where it is stored: its row, read at the start, saved while it grows, settled when no process runs it
temporary.py the store of a temporary chat, which has no rows
control.py   start, stop, decide and resume from any process; the end of the process
"""

from chat.runs.control import (
    add_result,
    decide,
    is_strangers,
    knows,
    resume,
    running_in,
    settle,
    shutdown,
    start,
    start_in,
    stop,
    stop_own,
    until_over,
)
from chat.runs.store import STALE_SECONDS, ended, interrupted

__all__ = [
    "STALE_SECONDS",
    "add_result",
    "decide",
    "ended",
    "interrupted",
    "is_strangers",
    "knows",
    "resume",
    "running_in",
    "settle",
    "shutdown",
    "start",
    "start_in",
    "stop",
    "stop_own",
    "until_over",
]
