"""The lane: programs with an API key reach the relay before Django builds a request.

A plain ASGI application around another. It takes the three operations that carry the load and hands everything else on.
It holds no rule of its own: who is calling, what a request must look like, where it goes and how errors read is said by
`callers`, `relay` and `answers`; the views ask them too. The order is the views': first who, then how large, then what.
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

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

ROUTES: dict[str, calls.Operation] = {
    "/v1/chat/completions": "chat",
    "/openai/chat/completions": "chat",
    "/v1/embeddings": "embeddings",
    "/openai/embeddings": "embeddings",
    "/v1/responses": "responses",
    "/openai/responses": "responses",
}
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
            ask = await _ask(operation, key, headers, receive)
        except ClientLeft:
            return None
        except Exception as error:  # the outermost edge: whatever it was is logged and answered
            return await _refuse(error, scope["path"], send)
        with _Watch(receive):
            await _exchange(ask, scope["path"], send)
        return None


async def _ask(
    operation: calls.Operation, key: str | None, headers: Mapping[bytes, bytes], receive: Receive
) -> calls.Ask:
    if key is None:
        raise error_responses.anonymous()
    caller = await callers.caller_for_key(key)
    body = await _body(receive, headers)
    cookies = parse_cookie(headers[b"cookie"].decode("latin-1")) if b"cookie" in headers else {}
    return calls.ask_for(operation, caller, body, cookies)


async def _exchange(ask: calls.Ask, path: str, send: Send) -> None:
    """Call and answer. Raises only once the status is sent: the server then breaks the connection off."""
    try:
        reply = await calls.begin(ask)
    except Exception as error:  # as above
        return await _refuse(error, path, send)
    try:
        await _pass_on(reply, send)
    finally:
        await reply.aclose()
    return None


async def _pass_on(reply: calls.Reply, send: Send) -> None:
    await _start(send, reply.status, reply.headers)
    left = reply.length
    try:
        while piece := await reply.read_some():
            if left is not None:
                left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left != 0})
    except GatewayError as error:
        await send({"type": "http.response.body", "body": reply.last_words(error), "more_body": True})
    if left != 0:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _start(send: Send, status: int, headers: Iterable[tuple[str, str]]) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    if not any(name == b"x-request-id" for name, _value in encoded):  # a provider's answer keeps the provider's
        encoded.append((b"x-request-id", request_ids.current.get().encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _refuse(error: BaseException, path: str, send: Send) -> None:
    found = error_responses.problem(error, path)
    await _start(send, found.status, found.headers)
    await send({"type": "http.response.body", "body": found.body})


# --- the request ------------------------------------------------------------------------------------------------------


class ClientLeft(Exception):
    """Nobody is there any more to be answered."""


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
