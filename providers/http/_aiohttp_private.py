"""Private names of aiohttp: the timeout of one response, and whether a connection is new.

`tests/test_private_names.py` fails when an upgrade moves one of these names.
"""

from contextvars import ContextVar
from typing import Any

import aiohttp

# Whether the current request opened a connection instead of taking one from the pool.
dialled: ContextVar[bool] = ContextVar("dialled", default=False)


class Connector(aiohttp.TCPConnector):
    """Notes that the current request opened its connection.

    The documented way is a TraceConfig, which costs every request a dozen awaits.
    """

    async def _create_connection(self, *args: Any, **options: Any) -> Any:
        dialled.set(True)
        return await super()._create_connection(*args, **options)


def set_read_timeout(response: aiohttp.ClientResponse, seconds: float | None) -> None:
    """Set the seconds that may pass between two pieces of the body.

    aiohttp has one limit (`sock_read`) for the first byte and all later ones; ours differ. aiohttp reads `read_timeout`
    whenever bytes come; `start_timeout` applies it where some have come already.
    """
    protocol: Any = response.connection.protocol if response.connection is not None else None
    if protocol is not None:
        protocol.read_timeout = seconds
        if response.content.total_bytes:
            protocol.start_timeout()


def read_rest(content: aiohttp.StreamReader) -> bytes:
    """The bytes that came before the connection broke. aiohttp raises first, and no public call returns them."""
    return content._read_nowait(-1)
