"""A log filter: a problem that lasts is logged once a minute, however many requests meet it."""

import logging
import re
import threading
import time
import traceback
from typing import Any

from providers.errors import GatewayError, Unavailable
from providers.process import outages

SECONDS = 60.0  # between two lines of the same cause
BLAMED = ("provider", "network", "caller")  # our own mistakes keep their tracebacks
CAUSES = 500  # causes that are remembered; the oldest are dropped first
# The parts that differ between lines of one cause: ids, addresses of requests, counts.
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


class OncePerMinute(logging.Filter):
    """Passes the first line of a cause, and after a minute the next, which says how many there were meanwhile.

    A cause is a message without its ids; for an exception it is the line that raised it. Levels below a warning always
    pass. An outage of a store of the site's, and what a provider did, is written without a traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[tuple[Any, ...], tuple[float, int]] = {}  # → when a line went out, how many since
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        cause, now = cause_of(record), time.monotonic()
        with self._lock:
            written, suppressed = self._lines.get(cause, (float("-inf"), 0))
            if now - written < SECONDS:
                self._lines[cause] = (written, suppressed + 1)
                return False
            self._lines.pop(cause, None)
            while len(self._lines) >= CAUSES:
                del self._lines[next(iter(self._lines))]
            self._lines[cause] = (now, 0)
        if (error := outage_of(record) or fault_of(record)) is not None:
            record.msg, record.args = f"{_first_line(record.getMessage())} ({error.code})", None
            record.exc_info = record.exc_text = None
        if suppressed:
            record.msg, record.args = f"{record.getMessage()} (and {suppressed} times more since the last line)", None
        return True


def outage_of(record: logging.LogRecord) -> Unavailable | None:
    """The outage behind the exception of this line; None for other lines."""
    error = record.exc_info[1] if record.exc_info else None
    return outages.of(error) if error is not None else None


def fault_of(record: logging.LogRecord) -> GatewayError | None:
    """Our own error behind this line, if a provider, the network or the caller is to blame: it needs no traceback.

    Mostly a provider broke off in the middle of an answer. The relay then raises the error, so that the server breaks
    its own answer off too, and the server logs it: uvicorn as an exception, daphne with the traceback in the message.
    """
    errors: list[object] = [record.exc_info[1] if record.exc_info else None]
    if isinstance(record.args, tuple) and "\n" in str(record.msg):
        errors += record.args[:1]
    return next((error for error in errors if isinstance(error, GatewayError) and error.blame in BLAMED), None)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def cause_of(record: logging.LogRecord) -> tuple[Any, ...]:
    """The cause of a line, as a key."""
    if (outage := outage_of(record)) is not None:
        return (record.name, record.msg, outage.code)
    if (fault := fault_of(record)) is not None:
        return (record.name, _first_line(str(record.msg)), fault.code)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        origin = (frames[-1].filename, frames[-1].lineno) if frames else None
        return (record.name, record.msg, type(error), origin)
    args = record.args if isinstance(record.args, tuple) else (record.args,)
    values = tuple(type(arg) if isinstance(arg, BaseException) else _VARIES.sub("#", str(arg)) for arg in args)
    return (record.name, record.msg, values)
