"""The id of the request that is being answered: in its log lines and in the headers of its answer."""

import re
import secrets
from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")  # empty outside of a request

_SANE = re.compile(r"[A-Za-z0-9._:-]{8,100}")


def take(given: str) -> str:
    """The id that a client or a proxy gave, where it can stand in a log; else a new one."""
    return given if given and _SANE.fullmatch(given) else secrets.token_hex(8)
