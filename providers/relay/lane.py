"""The lane: the fast path for programs with an API key, before Django builds a request.

An ASGI application around another. It answers the operations of the gateway and hands everything else to the inner one.
It has no rule of its own: `callers`, `relay` and `error_responses` decide, as they do for the views. It checks in the
order of the views: first the caller, then the size of the body, then its content. (A body that states a size over the
limit never comes to the views.)
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

from django.conf import settings
from django.http import parse_cookie

from providers import callers
from providers.authentication import presented_key
from providers.errors import GatewayError
from providers.process import client_address, request_ids, waiting
from providers.relay import calls
from providers.relay.operations import OPERATIONS
from providers.relay.request import RelayRequest, read_on_loop
from providers.relay.response import RelayResponse
from providers.responses import error_responses, packed_requests
from providers.upstream import kinds
from providers.upstream.kinds import AZURE_KEY_HEADER

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Path → name of the operation. Django answers Azure's paths of deployments, which contain a name.
ROUTES = {path: row.name for row in OPERATIONS.values() if row.on_lane for path in row.paths}
KEY_HEADER = AZURE_KEY_HEADER.encode()  # the header in which clients for Azure send their key
ANTHROPIC_KEY_HEADER = kinds.ANTHROPIC_KEY_HEADER.encode()  # and those for Anthropic
WATCH_AFTER = 0.25  # seconds until a call looks whether its client is still connected; most calls end sooner


class Gateway:
    """Answers the lane's routes instead of `inner`, but not browsers: Django checks their session and CSRF token."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        operation = ROUTES.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if operation is None:
            return await self.inner(scope, receive, send)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        key = _key(headers)
        if key is None and b"cookie" in headers:
            return await self.inner(scope, receive, send)
        request_ids.current.set(request_ids.take(headers.get(b"x-request-id", b"").decode("latin-1")))
        try:
            address = client_address.of_scope(scope)
            request = await _read_request(operation, key, scope["path"], headers, receive, address)
        except ClientDisconnected:
            return None
        except Exception as error:  # the outermost edge: any error is logged and answered
            return await send_error(error, scope["path"], send)
        with _DisconnectWatch(receive):
            await _exchange(request, scope["path"], send)
        return None


async def _read_request(
    operation: str, key: str | None, path: str, headers: Mapping[bytes, bytes], receive: Receive, address: str
) -> RelayRequest:
    if key is None:
        raise error_responses.anonymous()
    caller = await callers.caller_for_key(key, path, address)
    body = await _body(receive, headers)
    if b"content-encoding" in headers:
        codings = packed_requests.codings_of(headers[b"content-encoding"].decode("latin-1"))
        if codings:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            body = await waiting.in_own_thread(packed_requests.plain, body, codings, limit)
    cookies = parse_cookie(headers[b"cookie"].decode("latin-1")) if b"cookie" in headers else {}
    idempotency_key = headers.get(b"idempotency-key", b"").decode("latin-1").strip()
    names = OPERATIONS[operation].forwards
    forwarded = {name: value.decode("latin-1") for name in names if (value := headers.get(name.encode()))}
    return await read_on_loop(operation, caller, body, cookies, idempotency_key=idempotency_key, forwarded=forwarded)


async def _exchange(request: RelayRequest, path: str, send: Send) -> None:
    """Call the provider and answer. Raises only after the status is sent: the server then breaks the connection."""
    try:
        response = await calls.begin(request)
    except Exception as error:  # as above
        return await send_error(error, path, send)
    try:
        await _pass_on(response, send)
    finally:
        await response.aclose()
    return None


async def _pass_on(response: RelayResponse, send: Send) -> None:
    await _start(send, response.status, response.headers)
    remaining = response.length
    try:
        while piece := await response.read_some():
            if remaining is not None:
                remaining -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": remaining != 0})
    except GatewayError as error:
        await send({"type": "http.response.body", "body": response.closing_bytes(error), "more_body": True})
    if remaining != 0:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _start(send: Send, status: int, headers: Iterable[tuple[str, str]]) -> None:
    encoded, has_id = [], False
    for name, value in headers:
        encoded.append((name.encode(), value.encode()))
        has_id = has_id or name == "x-request-id"
    if not has_id:  # the provider's own id stays
        encoded.append((b"x-request-id", request_ids.current.get().encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def send_error(error: BaseException, path: str, send: Send) -> None:
    """Answer with an error, in the shape of this path's errors."""
    response = error_responses.error_response(error, path)
    await _start(send, response.status, response.headers)
    await send({"type": "http.response.body", "body": response.body})


# --- the request ------------------------------------------------------------------------------------------------------


class ClientDisconnected(Exception):
    """The client disconnected before its request was complete."""


def _key(headers: Mapping[bytes, bytes]) -> str | None:
    authorization = headers.get(b"authorization", b"")
    api_key = headers.get(KEY_HEADER) or headers.get(ANTHROPIC_KEY_HEADER, b"")
    return presented_key(authorization.decode("latin-1"), api_key.decode("latin-1"))


def declared_size(headers: Mapping[bytes, bytes]) -> int:
    """The size of the body as the request states it; 0 where it states none."""
    size = headers.get(b"content-length", b"")
    return int(size[:19]) if size.isdigit() else 0  # Python refuses to read numbers of thousands of digits


async def _body(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    """The whole body. Raises TooLarge as soon as its declared or received size exceeds the limit."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if declared_size(headers) > limit:
        raise error_responses.too_large()
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise error_responses.too_large()
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else await waiting.off_loop(size, b"".join, pieces)


class _DisconnectWatch:
    """A context that cancels its task, and ends without an error, when the client disconnects.

    A raw ASGI application is told of a disconnect only by `receive`. Nothing else may read from it meanwhile.
    """

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.over = self.disconnected = False
        self.watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self.task = task = asyncio.current_task()
        assert task is not None  # noqa: S101  an application runs in a task
        self.timer = task.get_loop().call_later(WATCH_AFTER, self._begin)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.over = True
        self.timer.cancel()
        if self.watcher is not None:
            self.watcher.cancel()
        if not self.disconnected or self.task is None or kind is not asyncio.CancelledError:
            return False
        return self.task.uncancel() == 0  # false where something else cancelled the task too

    def _begin(self) -> None:
        self.watcher = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        if not self.over and self.task is not None:
            self.disconnected = True
            self.task.cancel()
