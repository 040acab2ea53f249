"""Private names of asgiref: the event loop that a thread works for.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

import asyncio
import os

from asgiref.sync import SyncToAsync


def loop_of_thread() -> asyncio.AbstractEventLoop | None:
    """The running loop that gave this thread its work; None for threads that we started ourselves.

    `async_to_sync` runs coroutines on the same loop.
    """
    notes = SyncToAsync.threadlocal
    loop: asyncio.AbstractEventLoop | None = getattr(notes, "main_event_loop", None)
    ours = getattr(notes, "main_event_loop_pid", None) == os.getpid()
    return loop if loop is not None and ours and loop.is_running() else None
