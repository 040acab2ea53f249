"""The id of the current request, for its log lines and the headers of its response."""

import random
import re
from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")  # empty outside a request

_SANE = re.compile(r"[A-Za-z0-9._:-]{8,100}")


def take(sent: str) -> str:
    """The id that a client or proxy sent, where it is safe to log; else a new one. Ids are no secrets."""
    return sent if sent and _SANE.fullmatch(sent) else f"{random.getrandbits(64):016x}"
