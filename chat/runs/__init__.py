"""One reply: pipeline → relay → events → saved. A reply is a task of its process; no request and no tab keeps it alive.

reply.py     the life of one reply, from its pending row to its last event
draft.py     what there is of it so far, and what the sockets were told
store.py     its row: read at the start, saved while it grows, settled when nobody runs it any more
temporary.py that of a temporary chat, which has no row
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
    start_at,
    stop,
    stop_own,
)
from chat.runs.reply import Asker, Given
from chat.runs.store import STALE_SECONDS

__all__ = [
    "STALE_SECONDS",
    "Asker",
    "Given",
    "is_strangers",
    "knows",
    "resume",
    "running_in",
    "settle",
    "shutdown",
    "start",
    "start_at",
    "stop",
    "stop_own",
]
