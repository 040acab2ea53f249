"""A provider that costs next to nothing: raw asyncio, answers made beforehand, keep-alive.

`python -m benchmarks.upstream PORT`. A body with `"stream":true` gets a stream as its `user` member says: `"100 frames,
20 ms"` apart (0 ms = all at once), on a clock of absolute times, so that it never drifts. With `"user":"seen"` the
answer's head says when the request was here, by the clock that all processes of a machine share.
"""

import asyncio
import json
import re
import sys
from time import monotonic
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
COMPLETION = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1795000000,
        "model": "bench",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {"role": "assistant", "content": "The sky is blue because of Rayleigh scattering."},
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21},
    }
).encode()
MODELS = json.dumps({"object": "list", "data": [{"id": "bench", "object": "model", "created": 1}]}).encode()


def _whole(body: bytes) -> bytes:
    return HEAD % b"application/json" + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _frame(text: str, finish: str | None = None) -> bytes:
    delta = {"content": text} if finish is None else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1795000000,
            "model": "bench",
            "choices": [choice],
        },
        separators=(",", ":"),
    )
    return f"data: {data}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


COMPLETION_ANSWER = _whole(COMPLETION)
MODELS_ANSWER = _whole(MODELS)
STREAM_HEAD = HEAD % b"text/event-stream" + b"Transfer-Encoding: chunked\r\n\r\n"
STREAM_FRAME = _chunk(_frame(" word"))
STREAM_END = _chunk(_frame("", "stop")) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
SEEN = b'"user":"seen"'
WANTED = re.compile(rb'"user": ?"(\d+) frames, (\d+) ms"')


class Answering(asyncio.Protocol):
    def __init__(self) -> None:
        self.waiting = b""
        self.gone = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True

    def data_received(self, data: bytes) -> None:
        self.waiting = self.waiting + data if self.waiting else data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = self.waiting[:end]
            found = LENGTH.search(head)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self.waiting) < size:
                return
            body, self.waiting = self.waiting[end + 4 : size], self.waiting[size:]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self.transport.write(MODELS_ANSWER)
        elif SEEN in body:
            seen = HEAD % b"application/json" + b"OpenAI-Seen: %.6f\r\n" % monotonic()
            self.transport.write(seen + b"Content-Length: %d\r\n\r\n" % len(COMPLETION) + COMPLETION)
        elif b'"stream":true' not in body and b'"stream": true' not in body:
            self.transport.write(COMPLETION_ANSWER)
        else:
            found = WANTED.search(body)
            frames, pause = (int(found[1]), int(found[2])) if found else (10, 0)
            self.transport.write(STREAM_HEAD)
            if not pause:
                self.transport.write(STREAM_FRAME * frames + STREAM_END)
                return
            loop = asyncio.get_running_loop()
            self.pace(loop, loop.time(), 0, frames, pause / 1000)

    def pace(self, loop: asyncio.AbstractEventLoop, began: float, number: int, frames: int, pause: float) -> None:
        if self.gone:
            return
        if number == frames:
            self.transport.write(STREAM_END)
            return
        self.transport.write(STREAM_FRAME)
        number += 1
        loop.call_at(began + number * pause, self.pace, loop, began, number, frames, pause)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    from benchmarks.processes import fast_loop

    with asyncio.Runner(loop_factory=fast_loop) as runner:
        runner.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
