"""What we take from asgiref that it does not document: for which event loop a thread works.

`tests/test_private_names.py` fails when an upgrade moves one of these names.
"""

import asyncio
import os

from asgiref.sync import SyncToAsync


def loop_of_thread() -> asyncio.AbstractEventLoop | None:
    """The loop that gave this thread its work; None for a thread of our own, and once that loop has ended.

    `async_to_sync` goes to the same one, and waits for its turn there.
    """
    notes = SyncToAsync.threadlocal
    loop: asyncio.AbstractEventLoop | None = getattr(notes, "main_event_loop", None)
    ours = getattr(notes, "main_event_loop_pid", None) == os.getpid()
    return loop if loop is not None and ours and loop.is_running() else None
