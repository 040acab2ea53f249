"""The lane and the views on real servers: faults that only a real server shows."""

import json
import socket
from typing import Any

import pytest
import requests

from tests.upstream import DROP, Gate, Reply
from tests.upstream import openai as oai
from tests.variants import IS_WHOLE

ADMIN = {"WEBUI_ADMIN_EMAIL": "admin@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}
MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture(params=["daphne-lane", "uvicorn-lane", *(["daphne-views"] if IS_WHOLE else [])])
def served(request, server_process, upstream):
    """A running installation and a key of its administrator."""
    server, entrance = request.param.split("-")
    env = {
        **ADMIN,
        "WEBUI_DEMO": "false",
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": "k",
        "GATEWAY_LANE": str(entrance == "lane").lower(),
    }
    site = server_process(server=server, env=env).start()
    return site, site.create_api_key("admin@example.com")


def connect(site: Any, key: str, **more: Any) -> socket.socket:
    data = json.dumps({"model": "m1", "messages": MESSAGES, **more}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    sock = socket.create_connection(("127.0.0.1", site.port), timeout=20)
    sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    return sock


def read_until(sock: socket.socket, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        piece = sock.recv(65536)
        assert piece, seen
        seen += piece
    return seen


def test_a_server_passes_on_what_comes_at_the_readers_pace(served, upstream):
    site, key = served

    # every piece is there before the next is sent
    gates = [Gate(), Gate()]
    upstream.answer("one two three", after={1: gates[0], 2: gates[1]})
    with connect(site, key, stream=True) as caller:
        for word, gate in zip((b"one ", b"two "), gates, strict=True):
            read_until(caller, word)
            gate.open()
        read_until(caller, b"[DONE]")

    # a caller who leaves a stream that stands still
    upstream.answer("one two", after={1: Gate()})
    with connect(site, key, stream=True) as caller:
        read_until(caller, b"one")
    upstream.last.wait_closed()

    # a caller who does not wait for an answer
    gate = Gate()
    upstream.script(Reply(before=[gate]))
    with connect(site, key):
        gate.wait()
    upstream.last.wait_closed()

    # an answer that is cut off has no clean end
    for stream, reply in (
        (True, Reply(200, oai.EVENTS, steps=[b'data: {"id":1}\n\ndata: {"i', DROP])),
        (False, Reply(200, {"Content-Type": "application/json"}, steps=[b'{"id":' + b" " * 2000, DROP])),
    ):
        upstream.script(reply)
        with connect(site, key, stream=stream) as caller:
            seen = b""
            while piece := caller.recv(65536):
                seen += piece
            assert b'{"id"' in seen
            assert not seen.endswith(b"0\r\n\r\n")

    # and the server is none the worse for it
    answer = requests.post(
        f"{site.v1}/chat/completions",
        json={"model": "m1", "messages": MESSAGES},
        headers={"Authorization": f"Bearer {key}"},
        timeout=20,
    )
    assert answer.status_code == 200
    read_slowly(site, key, upstream)


def read_slowly(site: Any, key: str, upstream: Any) -> None:
    """A slow reader slows the provider down: 100 MB stay unread there instead of filling the server's memory."""
    piece = b'data: {"choices":[]}\n\n' + b":" + b"x" * 2**20 + b"\n\n"
    upstream.script(Reply(200, oai.EVENTS, steps=[piece] * 100))
    with connect(site, key, stream=True) as caller:
        read_until(caller, b"choices")
        received, sent = upstream.last, -1
        while sent != received.sent:
            sent = received.sent
            received.done.wait(0.5)
        assert sent < 40 * 2**20
    received.wait_closed()
