"""A small HTTP/1.1 server on a loopback port: `GET /v1/models` and `POST /v1/chat/completions`, streaming and not."""

import asyncio
import json
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from providers.http import LocalServer
from webui.demo.answers import DemoAnswer, answer_to

MODEL = "demo"
PIECE_SECONDS = 0.03  # slow enough to be seen arriving, quick enough not to bore
READY_SECONDS = 10
STOP_SECONDS = 1
MAX_HEADER, MAX_BODY = 64 * 1024, 64 * 1024 * 1024
logger = logging.getLogger(__name__)


class Refused(Exception):
    """What the caller got wrong: HTTP status and OpenAI's error object."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def start() -> LocalServer:
    """Start the server in a thread of its own. Blocks until it listens."""
    started: Future[LocalServer] = Future()

    async def serve() -> None:
        server = await asyncio.start_server(_connection, "127.0.0.1", 0, limit=MAX_HEADER)
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()

        def stop() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(stopped.set)
            thread.join(STOP_SECONDS)

        address, port = server.sockets[0].getsockname()[:2]
        started.set_result(LocalServer(address, port, stop))
        await stopped.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="demo upstream", daemon=True)
    thread.start()
    try:
        return started.result(READY_SECONDS)
    except TimeoutError as error:
        raise RuntimeError("The demo upstream did not start.") from error


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, any number of requests."""
    try:
        while await _one_request(reader, writer):
            pass
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the other side left, in the middle of a word perhaps: that ends the connection and nothing else
    finally:
        writer.close()


async def _one_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; returns whether the connection may go on."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _version = head[0].split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in head[1:])
    }
    length = int(headers.get("content-length") or 0)
    if length > MAX_BODY or "transfer-encoding" in headers:
        await _send_json(writer, 413, Refused(413, "The request is too large.", "request_too_large").body)
        return False
    body = await reader.readexactly(length)
    try:
        await _route(writer, method, path.partition("?")[0].removesuffix("/"), body)
    except Refused as refusal:
        await _send_json(writer, refusal.status, refusal.body)
    return headers.get("connection", "").lower() != "close"


async def _route(writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> None:
    if (method, path) == ("GET", "/v1/models"):
        model = {"id": MODEL, "object": "model", "created": 1735689600, "owned_by": "demo", "name": "Demo"}
        await _send_json(writer, 200, {"object": "list", "data": [model]})
    elif (method, path) == ("POST", "/v1/chat/completions"):
        payload = _payload(body)
        answer = answer_to(payload["messages"])
        if payload.get("stream"):
            usage = bool((payload.get("stream_options") or {}).get("include_usage"))
            await _send_stream(writer, _frames(answer, include_usage=usage))
        else:
            await _send_json(writer, 200, _completion(answer))
    else:
        raise Refused(404, "The demo only lists models and chats. Connect a provider for everything else.", "not_found")


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except ValueError as error:
        raise Refused(400, "The body is not JSON.", "invalid_json") from error
    if not isinstance(payload, dict) or not isinstance(payload.get("messages"), list) or not payload["messages"]:
        raise Refused(400, "“messages” must be a list that is not empty.", "invalid_request")
    return payload


def _completion(answer: DemoAnswer) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text}
    return {
        "id": f"chatcmpl-demo-{uuid.uuid4().hex[:12]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": answer.usage(),
    }


async def _frames(answer: DemoAnswer, *, include_usage: bool) -> AsyncIterator[bytes]:
    """Server-sent events, about one every PIECE_SECONDS."""
    shared = {
        "id": f"chatcmpl-demo-{uuid.uuid4().hex[:12]}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": MODEL,
    }

    def frame(choices: list[dict[str, Any]], **more: Any) -> bytes:
        return f"data: {json.dumps({**shared, 'choices': choices, **more}, ensure_ascii=False)}\n\n".encode()

    def delta(values: dict[str, str], finish: str | None = None) -> bytes:
        return frame([{"index": 0, "delta": values, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    for kind, piece in answer.pieces():
        await asyncio.sleep(PIECE_SECONDS)
        yield delta({kind: piece})
    yield delta({}, "stop")
    if include_usage:
        yield frame([], usage=answer.usage())
    yield b"data: [DONE]\n\n"


async def _send_json(writer: asyncio.StreamWriter, status: int, value: dict[str, Any]) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    writer.write(_head(status, "application/json", f"Content-Length: {len(body)}") + body)
    await writer.drain()


async def _send_stream(writer: asyncio.StreamWriter, frames: AsyncIterator[bytes]) -> None:
    writer.write(_head(200, "text/event-stream; charset=utf-8", "Transfer-Encoding: chunked"))
    async for frame in frames:
        writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _head(status: int, content_type: str, framing: str) -> bytes:
    phrase = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large"}[status]
    return f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode("latin-1")
