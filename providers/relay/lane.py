"""The lane: programs with an API key reach the relay before Django builds a request.

A plain ASGI application around another. It takes the operations of the gateway and hands everything else on. It holds
no rule of its own: who is calling, what a request must look like, where it goes and how errors read is decided by
`callers`, `relay` and `error_responses`, as for the views. The order is the views': first who, then how large, then
what.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

from django.conf import settings
from django.http import parse_cookie

from providers import callers, error_responses, request_ids
from providers.authentication import presented_key
from providers.errors import GatewayError
from providers.relay import calls
from providers.relay.operations import OPERATIONS
from providers.relay.relay_request import RelayRequest, read_request
from providers.relay.relay_response import RelayResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Path → name of the operation. Azure's paths of deployments, which hold a name, are left to Django.
ROUTES = {path: row.name for row in OPERATIONS.values() if row.on_lane for path in row.paths}
WATCH_AFTER = 0.25  # seconds; most calls are over by then and need nobody to watch whether their client is still there


class Gateway:
    """Takes the lane's routes from `inner`. A browser's calls are left to Django, which judges session and token."""

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
            request = await _read_request(operation, key, scope["path"], headers, receive)
        except ClientLeft:
            return None
        except Exception as error:  # the outermost edge: whatever it was is logged and answered
            return await _refuse(error, scope["path"], send)
        with _Watch(receive):
            await _exchange(request, scope["path"], send)
        return None


async def _read_request(
    operation: str, key: str | None, path: str, headers: Mapping[bytes, bytes], receive: Receive
) -> RelayRequest:
    if key is None:
        raise error_responses.anonymous()
    caller = await callers.caller_for_key(key, path)
    body = await _body(receive, headers)
    cookies = parse_cookie(headers[b"cookie"].decode("latin-1")) if b"cookie" in headers else {}
    idempotency_key = headers.get(b"idempotency-key", b"").decode("latin-1").strip()
    return read_request(operation, caller, body, cookies, idempotency_key=idempotency_key)


async def _exchange(request: RelayRequest, path: str, send: Send) -> None:
    """Call and answer. Raises only once the status is sent: the server then breaks the connection off."""
    try:
        response = await calls.begin(request)
    except Exception as error:  # as above
        return await _refuse(error, path, send)
    try:
        await _pass_on(response, send)
    finally:
        await response.aclose()
    return None


async def _pass_on(response: RelayResponse, send: Send) -> None:
    await _start(send, response.status, response.headers)
    left = response.length
    try:
        while piece := await response.read_some():
            if left is not None:
                left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left != 0})
    except GatewayError as error:
        await send({"type": "http.response.body", "body": response.last_words(error), "more_body": True})
    if left != 0:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _start(send: Send, status: int, headers: Iterable[tuple[str, str]]) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    if not any(name == b"x-request-id" for name, _value in encoded):  # a provider's answer keeps the provider's
        encoded.append((b"x-request-id", request_ids.current.get().encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _refuse(error: BaseException, path: str, send: Send) -> None:
    problem = error_responses.error_response(error, path)
    await _start(send, problem.status, problem.headers)
    await send({"type": "http.response.body", "body": problem.body})


# --- the request ------------------------------------------------------------------------------------------------------


class ClientLeft(Exception):
    """The client closed its connection before its request was complete."""


def _key(headers: Mapping[bytes, bytes]) -> str | None:
    authorization, api_key = headers.get(b"authorization", b""), headers.get(b"api-key", b"")
    return presented_key(authorization.decode("latin-1"), api_key.decode("latin-1"))


async def _body(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known, at the latest when the limit is passed."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise error_responses.too_large()
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise error_responses.too_large()
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Watch:
    """While it stands, a client that leaves cancels this task; the context ends quietly then.

    A plain ASGI application learns that its client left only by asking. Nothing else reads from `receive` meanwhile.
    """

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.over = self.left = False
        self.watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self.task = asyncio.current_task()
        self.timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._begin)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.over = True
        self.timer.cancel()
        if self.watcher is not None:
            self.watcher.cancel()
        if not self.left or self.task is None or kind is not asyncio.CancelledError:
            return False
        return self.task.uncancel() == 0  # nobody else wanted it cancelled

    def _begin(self) -> None:
        self.watcher = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        if not self.over and self.task is not None:
            self.left = True
            self.task.cancel()
