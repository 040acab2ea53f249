"""The log: a trouble that lasts is a line a minute, however many requests meet it."""

import logging
import re
import threading
import time
import traceback
from typing import Any

SECONDS = 60.0  # between two lines of the same cause
CAUSES = 500  # remembered at once; the oldest go first
# What differs between two lines of one cause: ids, addresses of requests, counts.
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


class OncePerMinute(logging.Filter):
    """Lets the first line of a cause through, and after a minute the next, which says how many there were meanwhile.

    A cause is a place in the code with what it says, whatever the ids in it; for an exception it is where that was
    raised. Lines below a warning are not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[Any, ...], tuple[float, int]] = {}  # → when a line went out, how many since
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        cause, now = cause_of(record), time.monotonic()
        with self._lock:
            said, held_back = self._seen.get(cause, (float("-inf"), 0))
            if now - said < SECONDS:
                self._seen[cause] = (said, held_back + 1)
                return False
            self._seen.pop(cause, None)
            while len(self._seen) >= CAUSES:
                del self._seen[next(iter(self._seen))]
            self._seen[cause] = (now, 0)
        if held_back:
            record.msg, record.args = f"{record.getMessage()} (and {held_back} times more since the last line)", None
        return True


def cause_of(record: logging.LogRecord) -> tuple[Any, ...]:
    """What a line is about, as a key."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, frames[-1].lineno) if frames else None
        return (record.name, record.msg, type(error), place)
    args = record.args if isinstance(record.args, tuple) else (record.args,)
    said = tuple(type(one) if isinstance(one, BaseException) else _VARIES.sub("#", str(one)) for one in args)
    return (record.name, record.msg, said)
