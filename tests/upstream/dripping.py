"""Responses sent byte by byte, without long pauses: heads, bodies, and what is between them."""

from itertools import chain
from typing import Any

from tests.upstream.replies import DROP, Pause, Raw, Reply, Step, frame

STREAM = {"Content-Type": "text/event-stream"}
JSON = {"Content-Type": "application/json"}
DRIPS = 400


def drip(byte: bytes = b"x", count: int = DRIPS) -> list[Step]:
    """So many bytes, each a moment after the other; all together take far longer than any limit here."""
    return [step for _ in range(count) for step in (byte, Pause(0.05))]


def raw(*steps: Any) -> Reply:
    """An answer below HTTP; bytes of lists go out one by one, with pauses."""
    return Reply(before=[*(Raw(step) if isinstance(step, bytes) else step for step in chain(*steps)), DROP])


CHUNKED = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"]
# Each by name: an answer that never ends, or ends long after its limit.
DRIPPING: dict[str, Any] = {
    "a status line": lambda: raw([b"HTTP/1.1 200 "], drip()),
    "a header": lambda: raw([b"HTTP/1.1 200 OK\r\nX-Long: "], drip()),
    "headers": lambda: raw([b"HTTP/1.1 200 OK\r\n"], drip(b"X-A: b\r\n", 90), drip()),
    "a head before the head": lambda: raw(drip(b"HTTP/1.1 102 Processing\r\n\r\n")),
    "the size of a chunk": lambda: raw(CHUNKED, drip(b"0")),
    "what follows a chunk's size": lambda: raw(CHUNKED, [b"5;"], drip()),
    "the headers after a body": lambda: raw(CHUNKED, [b"5\r\nhello\r\n0\r\n"], drip(b"X-A: b\r\n", 90), drip()),
    "a stream without a line": lambda: Reply(headers=STREAM, steps=drip()),
    "a frame": lambda: Reply(headers=STREAM, steps=chain([b'data: {"a": "'], drip())),
    "a frame after another": lambda: Reply(headers=STREAM, steps=chain([frame({"a": 1})], drip())),
    "a comment": lambda: Reply(headers=STREAM, steps=chain([b": "], drip())),
    "JSON": lambda: Reply(headers=JSON, steps=chain([b'{"a": "'], drip())),
    "JSON in lines": lambda: Reply(headers=JSON, steps=chain([b"{"], drip(b"\n"))),
    "JSON with its length": lambda: Reply(headers={**JSON, "Content-Length": "5000"}, steps=drip()),
    "an error": lambda: Reply(500, headers=JSON, steps=drip()),
    "a page": lambda: Reply(502, headers={"Content-Type": "text/html"}, steps=drip(b"<br>\n")),
    "audio": lambda: Reply(headers={"Content-Type": "audio/mpeg"}, steps=drip()),
}  # fmt: skip
