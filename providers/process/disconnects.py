"""Whether the client of the current request has left. Work in threads has to ask: nothing can interrupt it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from providers.process import context


class RequestClient:
    """The client that waits for the current response."""

    def __init__(self) -> None:
        self.has_left = False


_client: ContextVar[RequestClient | None] = ContextVar("client", default=None)


@contextmanager
def watched() -> Iterator[None]:
    """Code inside the block, with its tasks and threads, works for one client."""
    with context.assigned(_client, RequestClient()):
        yield


def client_left() -> None:
    """Note that the client of the current request has left."""
    client = _client.get()
    if client is not None:
        client.has_left = True


def client_has_left() -> bool:
    """Whether the client of the current request has left; False outside a request."""
    client = _client.get()
    return client is not None and client.has_left
