"""Whether the client of the current request is still there, for work in a thread, which nothing else can interrupt."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from providers.process import context


class RequestClient:
    """Who waits for a response."""

    def __init__(self) -> None:
        self.has_left = False


_client: ContextVar[RequestClient | None] = ContextVar("client", default=None)


@contextmanager
def watched() -> Iterator[None]:
    """Everything inside, its tasks and threads too, belongs to one client."""
    with context.assigned(_client, RequestClient()):
        yield


def client_left() -> None:
    """The client of the current request has left."""
    client = _client.get()
    if client is not None:
        client.has_left = True


def client_has_left() -> bool:
    """False outside a request."""
    client = _client.get()
    return client is not None and client.has_left
