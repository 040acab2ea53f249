"""What we take from aiohttp that it does not document: its clock per response, and whether a connection is new.

`tests/test_private_names.py` fails when an upgrade moves one of these names.
"""

from contextvars import ContextVar
from typing import Any

import aiohttp

# Whether the request under way got a connection of its own, not one out of the pool.
dialled: ContextVar[bool] = ContextVar("dialled", default=False)


class Connector(aiohttp.TCPConnector):
    """Remembers, for the request under way, that its connection was made for it.

    The documented way is a TraceConfig, which costs every request a dozen awaits.
    """

    async def _create_connection(self, *args: Any, **options: Any) -> Any:
        dialled.set(True)
        return await super()._create_connection(*args, **options)


def set_read_timeout(response: aiohttp.ClientResponse, seconds: float | None) -> None:
    """From now on this many seconds may pass between two pieces of the body.

    aiohttp has one limit (`sock_read`) for the first byte and for those between; ours differ. `read_timeout` is read
    whenever bytes come, and `start_timeout` begins anew where some have come already.
    """
    protocol: Any = response.connection.protocol if response.connection is not None else None
    if protocol is not None:
        protocol.read_timeout = seconds
        if response.content.total_bytes:
            protocol.start_timeout()


def read_rest(content: aiohttp.StreamReader) -> bytes:
    """What had come before the connection broke: aiohttp tells of the break first, and no public call gets at it."""
    return content._read_nowait(-1)
