"""A small HTTP/1.1 server on a loopback port, with the operations of `POSTS` and a list of one model."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from providers.http import LocalServer
from webui.demo import (
    completions,
    embeddings,
    moderations,
    rerank,
    responses,
    speech,
    text_completions,
    transcriptions,
)
from webui.demo.answers import MODEL
from webui.demo.request_bodies import Refused, form_in, payload_in

PIECE_SECONDS = 0.03  # slow enough to be seen arriving, quick enough not to bore
READY_SECONDS = 10
STOP_SECONDS = 1
MAX_HEADER, MAX_BODY = 64 * 1024, 64 * 1024 * 1024
JSON = "application/json"
LISTED = {"id": MODEL, "object": "model", "created": 1735689600, "owned_by": "demo", "name": "Demo"}
GETS: dict[str, dict[str, Any]] = {
    "/v1/models": {"object": "list", "data": [LISTED]},
    f"/v1/models/{MODEL}": LISTED,
}
Answer = dict[str, Any] | tuple[str, bytes] | Iterator[bytes]  # JSON; content type and bytes; events


@dataclass(frozen=True, slots=True)
class DemoOperation:
    """One operation. `in_thread`: its answer may take so long that other requests would wait for it.

    `is_form`: its request is a form.
    """

    answer: Callable[[dict[str, Any]], Answer]
    max_body: int = MAX_BODY
    in_thread: bool = False
    is_form: bool = False


POSTS = {
    "/v1/chat/completions": DemoOperation(completions.complete),
    "/v1/completions": DemoOperation(text_completions.continue_text),
    "/v1/responses": DemoOperation(responses.respond),
    "/v1/embeddings": DemoOperation(embeddings.embed, max_body=2**19, in_thread=True),
    "/v1/moderations": DemoOperation(moderations.moderate, max_body=2**19),
    "/v1/rerank": DemoOperation(rerank.rank, max_body=2**19, in_thread=True),
    "/v1/audio/speech": DemoOperation(speech.speak),
    "/v1/audio/transcriptions": DemoOperation(transcriptions.transcribe, in_thread=True, is_form=True),
    "/v1/audio/translations": DemoOperation(transcriptions.translate, in_thread=True, is_form=True),
}
logger = logging.getLogger(__name__)


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
    """Serve one connection, with any number of requests."""
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
    length, path = int(headers.get("content-length") or 0), path.partition("?")[0].removesuffix("/")
    if length > MAX_BODY or "transfer-encoding" in headers:
        await _send_json(writer, 413, _too_large().body)
        return False
    body = await reader.readexactly(length)
    try:
        await _route(writer, method, path, body, headers.get("content-type", ""))
    except Refused as refusal:
        await _send_json(writer, refusal.status, refusal.body)
    return headers.get("connection", "").lower() != "close"


async def _route(writer: asyncio.StreamWriter, method: str, path: str, body: bytes, content_type: str) -> None:
    if method == "GET" and path in GETS:
        await _send_json(writer, 200, GETS[path])
        return
    if method != "POST" or path not in POSTS:
        words = "The demo does not do this. Connect a provider, for example OpenAI or Ollama, and call its models."
        raise Refused(404, words, "not_found")
    operation = POSTS[path]
    if len(body) > operation.max_body:
        raise _too_large()
    request = (operation, body, content_type)
    answer = await asyncio.to_thread(_answer, *request) if operation.in_thread else _answer(*request)
    if isinstance(answer, tuple):
        await _send(writer, 200, *answer)
    else:
        await _send_stream(writer, answer)


def _answer(operation: DemoOperation, body: bytes, content_type: str) -> tuple[str, bytes] | Iterator[bytes]:
    """Content type and bytes, or the frames of a stream. Raises Refused."""
    answer = operation.answer(form_in(body, content_type) if operation.is_form else payload_in(body))
    return (JSON, _encoded(answer)) if isinstance(answer, dict) else answer


def _encoded(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _too_large() -> Refused:
    return Refused(413, "The request is too large.", "request_too_large")


async def _send_json(writer: asyncio.StreamWriter, status: int, value: dict[str, Any]) -> None:
    await _send(writer, status, JSON, _encoded(value))


async def _send(writer: asyncio.StreamWriter, status: int, content_type: str, content: bytes) -> None:
    writer.write(_head(status, content_type, f"Content-Length: {len(content)}") + content)
    await writer.drain()


async def _send_stream(writer: asyncio.StreamWriter, frames: Iterator[bytes]) -> None:
    """The frames of a stream, about one every PIECE_SECONDS."""
    writer.write(_head(200, "text/event-stream; charset=utf-8", "Transfer-Encoding: chunked"))
    for frame in frames:
        await asyncio.sleep(PIECE_SECONDS)
        writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _head(status: int, content_type: str, framing: str) -> bytes:
    phrase = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large"}[status]
    return f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode("latin-1")
