"""The event socket of one run: opened again when it breaks, replaced by waiting while it cannot be opened."""

import logging
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from imagegen.engines.base import Run
from imagegen.engines.comfyui.client import ServerClient
from imagegen.engines.comfyui.prompt_state import HELLO
from providers.errors import GatewayError
from providers.http import WebSocket

logger = logging.getLogger(__name__)


class EventSocket:
    """`with EventSocket(…) as socket:` tries to open it; `receive` works whether it is open or not."""

    def __init__(self, client: ServerClient, client_id: str, run: Run, *, reopen_seconds: float) -> None:
        self.broken = False  # the socket was lost once: frames are missing, and the server may have restarted
        self._client = client
        self._client_id = client_id
        self._run = run
        self._reopen_seconds = reopen_seconds
        self._stack = ExitStack()
        self._socket: WebSocket | None = None
        self._next_try = 0.0

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def receive(self, seconds: float) -> str | bytes | None:
        """The next frame, or None after so many seconds without one. Raises Cancelled, or UpstreamTimeout."""
        if self._socket is None and time.monotonic() >= self._next_try:
            self._open()
        if self._socket is None:
            self._run.sleep(seconds)
            return None
        left = self._run.remaining()
        try:
            message = self._socket.receive(seconds if left is None else min(seconds, left))
        except GatewayError as error:
            self._run.check()  # a cancelled run closes the socket
            logger.info("The server's socket was lost: %s", error.message)
            self.broken = True
            self._close()
            return None
        self._run.check()
        return message

    def _open(self) -> None:
        """Open it, always under the same id: the server sends the events of our prompt to this client alone."""
        self._next_try = time.monotonic() + self._reopen_seconds
        try:
            self._socket = self._stack.enter_context(self._client.socket(self._client_id))
            self._socket.send_json(HELLO)
        except GatewayError as error:
            logger.info("The server's socket cannot be opened, its queue is polled instead: %s", error.message)
            self._close()

    def _close(self) -> None:
        self._socket = None
        stack, self._stack = self._stack, ExitStack()
        stack.close()
