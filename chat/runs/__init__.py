"""One reply: pipeline → relay → events → saved. A reply is a task of its process; no request and no tab keeps it alive.

reply.py     the life of one reply, from its pending row to its last event
draft.py     what there is of it so far, and what the sockets were told
store.py     where it is stored: its row, read at the start, saved while it grows, settled when no process runs it
temporary.py the store of a temporary chat, which has no rows
control.py   start, stop and resume from any process; what happens when the process ends
"""

from chat.runs.control import (
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
)
from chat.runs.store import STALE_SECONDS

__all__ = [
    "STALE_SECONDS",
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
]
