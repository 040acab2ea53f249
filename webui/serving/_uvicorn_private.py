"""Private names of uvicorn: the moment at which it begins to stop.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from socket import socket

import uvicorn

from webui.layers.shutdown import close_running


class UvicornServer(uvicorn.Server):  # type: ignore[misc]
    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Overridden, because uvicorn closes all connections here: those that are open get their answers first."""
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()
        await close_running()
        await super().shutdown(sockets)
