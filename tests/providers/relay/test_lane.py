"""The lane and the views: both give the same response, byte for byte, in every contract case."""

import datetime
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from providers.models import ChatModel, ClientKey, Connection, GatewaySettings, key_digest
from tests import people
from tests.upstream import (
    DROP,
    Gate,
    Reply,
    gzipped,
    in_html,
    in_json,
    in_text,
    no_http,
    redirect,
    reset,
    unused_port,
)
from tests.upstream import openai as oai

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
# What Django adds for browsers, and what differs by nature: the clock, the connection, ids of our own.
OURS = {"date", "server", "connection", "transfer-encoding", "x-request-id", "vary", "allow", "content-language",
        "content-security-policy", "permissions-policy", "referrer-policy", "cross-origin-opener-policy",
        "x-content-type-options", "x-frame-options"}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool  # false: the connection broke off before the body's end

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """One request on a socket of its own, read to its end: clients hide too much of what a broken answer looks like."""
    address = urlsplit(url)
    head = {"Host": address.netloc, "Content-Type": "application/json", "Connection": "close", **headers}
    lines = [f"POST {address.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    if "Content-Length" not in head:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=20) as sock:
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        received = b""
        while True:
            try:
                piece = sock.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            received += piece
    start, _blank, rest = received.partition(b"\r\n\r\n")
    status, *pairs = start.decode("latin-1").split("\r\n")
    found = [(name.lower(), value.strip()) for name, _colon, value in (pair.partition(":") for pair in pairs)]
    named = dict(found)
    content, complete = _unchunked(rest) if named.get("transfer-encoding") == "chunked" else (rest, True)
    if "content-length" in named:
        complete = len(content) == int(named["content-length"])
    kept = tuple(sorted(pair for pair in found if pair[0] not in OURS))
    return Answer(int(status.split()[1]), kept, content, complete)


def _unchunked(rest: bytes) -> tuple[bytes, bool]:
    content = b""
    while match := re.match(rb"([0-9a-fA-F]+)\r\n", rest):
        size = int(match[1], 16)
        content += rest[match.end() : match.end() + size]
        rest = rest[match.end() + size + 2 :]
        if size == 0:
            return content, True
    return content, False


@dataclass
class Case:
    """One contract case. `prepare` scripts the upstream and changes rows; `check` looks at what both answered."""

    name: str
    prepare: Callable[[Any], None] = lambda world: None
    body: bytes | dict[str, Any] | None = None
    headers: dict[str, str] | None = None
    path: str = CHAT
    check: Callable[[Answer], bool] = lambda answer: answer.status == 200 and answer.complete


@dataclass
class World:
    upstream: Any
    connection: Any
    alice: Any
    key: str
    settings: Any


def scripted(*replies: Any) -> Callable[[World], None]:
    return lambda world: world.upstream.always(replies[0], path="/chat/completions")


def passes(status: int, **headers: str) -> Callable[[Answer], bool]:
    """The provider's own answer, headers included."""

    def check(answer: Answer) -> bool:
        wanted = {(name.replace("_", "-"), value) for name, value in headers.items()}
        return answer.status == status and answer.complete and wanted <= set(answer.headers)

    return check


def has_headers(*names: str) -> Callable[[Answer], bool]:
    return lambda answer: {name for name, _value in answer.headers} == set(names)


def refuses(status: int, code: str, param: str | None = None) -> Callable[[Answer], bool]:
    """An error of ours, in OpenAI's shape."""

    def check(answer: Answer) -> bool:
        error = answer.json["error"]
        shape = set(error) == {"message", "type", "param", "code"} and isinstance(error["message"], str)
        return shape and (answer.status, error["code"], error["param"]) == (status, code, param) and answer.complete

    return check


def breaks(with_bytes: bytes) -> Callable[[Answer], bool]:
    return lambda answer: answer.status == 200 and not answer.complete and with_bytes in answer.body


def says_in_a_frame(code: str, after: bytes) -> Callable[[Answer], bool]:
    """The received bytes pass through, then a last frame reports the error."""

    def check(answer: Answer) -> bool:
        frames = answer.body.strip().split(b"\n\n")
        last = json.loads(frames[-1].removeprefix(b"data: "))
        return answer.complete and after in frames[-2] and last["error"]["code"] == code

    return check


def forbid(world: World) -> None:
    ChatModel.objects.filter(public_id="m1").update(access="private")


def switch_off(world: World) -> None:
    GatewaySettings.objects.update_or_create(pk=1, defaults={"enable_openai_api": False})


def change_key(**fields: Any) -> Callable[[World], None]:
    return lambda world: ClientKey.objects.filter(digest=key_digest(world.key)).update(**fields) and None


def change_connection(**fields: Any) -> Callable[[World], None]:
    return lambda world: Connection.objects.filter(pk=world.connection.pk).update(**fields) and None


def both(*steps: Callable[[World], None]) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        for step in steps:
            step(world)

    return prepare


def limit_the_body(world: World) -> None:
    world.settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000


def ask(**more: Any) -> dict[str, Any]:
    return {"model": "m1", "messages": MESSAGES, **more}


MINUTE = datetime.timedelta(minutes=1)
PAST = timezone.now() - MINUTE
SLOW = {"first_byte_timeout": 0.3, "idle_timeout": 0.3}
HEADERS = {"OpenAI-Version": "2020", "Set-Cookie": "a=1", "X-RateLimit-Limit-Requests": "9", "X-Should-Retry": "false",
           "Server": "secret", "Via": "1.1 x"}  # fmt: skip
JSON = {"Content-Type": "application/json"}
RATE = {"Retry-After": "7", "x-ratelimit-remaining-requests": "0", "x-request-id": "req-1"}

CASES = [
    Case("success"),
    Case("success under the other name", path="/openai/chat/completions"),
    Case("stream", body=ask(stream=True), check=lambda a: a.complete and a.body.endswith(b"data: [DONE]\n\n")),
    Case("stream with an empty answer", scripted(oai.chat("", done=False, finish=None)), body=ask(stream=True)),
    Case("embeddings", path="/v1/embeddings", body={"model": "m1", "input": ["a", "b"]}),
    Case("response", path="/openai/responses", body={"model": "m1", "input": "hi"}),
    Case("response that streams", path="/v1/responses", body={"model": "m1", "input": "hi", "stream": True}),
    Case("compressed although nobody asked", scripted(gzipped(in_json({"id": 1}))),
         check=passes(200, content_encoding="gzip")),
    Case("headers that mean something", scripted(in_json({"id": 1}, headers=HEADERS)), check=has_headers(
         "content-type", "content-length", "openai-version", "x-ratelimit-limit-requests", "x-should-retry")),
    Case("no content type", scripted(Reply(200, {"Content-Type": ""}, b"{}"))),
    # --- who ---
    Case("missing key", headers={}, check=refuses(401, "invalid_api_key")),
    Case("another scheme", headers={"Authorization": "Basic YTpi"}, check=refuses(401, "invalid_api_key")),
    Case("empty key", headers={"Authorization": "Bearer "}, check=refuses(401, "invalid_api_key")),
    Case("unknown key", headers={"Authorization": "Bearer sk-nobody"}, check=refuses(401, "invalid_api_key")),
    Case("revoked key", change_key(revoked_at=PAST), check=refuses(401, "invalid_api_key")),
    Case("expired key", change_key(expires_at=PAST), check=refuses(401, "invalid_api_key")),
    Case("key of a person who left", lambda world: _deactivate(world.alice), check=refuses(401, "invalid_api_key")),
    Case("key made for something else", change_key(scopes=["images"]), check=refuses(403, "insufficient_scope")),
    # --- what ---
    Case("connections switched off", switch_off, check=refuses(503, "connections_disabled")),
    Case("unknown model", body={"model": "m9", "messages": MESSAGES}, check=refuses(404, "model_not_found", "model")),
    Case("forbidden model", forbid, check=refuses(404, "model_not_found", "model")),
    Case("bad JSON", body=b'{"model": "m1", "messages": [', check=refuses(400, "invalid_json")),
    Case("no JSON object", body=b"[1]", check=refuses(400, "invalid_json")),
    Case("no body", body=b"", check=refuses(400, "invalid_json")),
    Case("a number beyond all bounds", body=b'{"model": "m1", "n": 1e999}', check=refuses(400, "invalid_json")),
    Case("model of the wrong type", body=ask(model=[1]), check=refuses(400, "invalid_type", "model")),
    Case("messages of the wrong type", body=ask(messages={"a": 1}), check=refuses(400, "invalid_type", "messages")),
    Case("no messages", body={"model": "m1"}, check=refuses(400, "missing_required_parameter", "messages")),
    Case("empty messages", body=ask(messages=[]), check=refuses(400, "missing_required_parameter", "messages")),
    Case("too large a body", limit_the_body, body=ask(pad="x" * 2000), check=refuses(413, "request_too_large")),
    Case("an integer beyond 64 bits", body=json.dumps(ask(seed=10**40)).encode()),
    # --- the provider refuses ---
    Case("upstream 400", scripted(oai.error(400, "No.", code="unsupported_parameter", param="x")), check=passes(400)),
    Case("upstream 401", scripted(oai.error(401, "Incorrect API key")), check=passes(401)),
    Case("upstream 404", scripted(oai.error(404, "No such model")), check=passes(404)),
    Case("upstream 429", scripted(oai.error(429, "Slow down", headers=RATE)), check=passes(429, retry_after="7")),
    Case("upstream 500", scripted(oai.error(500)), check=passes(500)),
    Case("upstream 500 to a stream", scripted(oai.error(500)), body=ask(stream=True), check=passes(500)),
    Case("upstream HTML error", scripted(in_html(502)), check=passes(502, content_type="text/html; charset=utf-8")),
    Case("upstream text error", scripted(in_text("no", 503, {"Retry-After": "3"})), check=passes(503, retry_after="3")),
    # --- the provider does not answer ---
    Case("upstream unreachable", lambda w: change_connection(base_url=f"http://127.0.0.1:{unused_port()}/v1")(w),
         check=refuses(502, "upstream_unreachable")),
    Case("upstream resets", scripted(reset()), check=refuses(502, "upstream_unreachable")),
    Case("upstream speaks something else", scripted(no_http()), check=refuses(502, "upstream_unreachable")),
    Case("upstream too slow after its headers",
         both(change_connection(**SLOW), scripted(Reply(200, oai.EVENTS, steps=[Gate()]))), body=ask(stream=True),
         check=refuses(504, "upstream_timeout")),
    Case("upstream too slow", both(change_connection(**SLOW), scripted(Reply(before=[Gate()]))),
         check=refuses(504, "upstream_timeout")),
    Case("upstream too slow after its first frame",
         both(change_connection(**SLOW), scripted(oai.chat("a b", after={0: Gate()}))), body=ask(stream=True),
         check=says_in_a_frame("upstream_timeout", b"assistant")),
    Case("upstream ends before it begins", scripted(Reply(200, oai.EVENTS, steps=[])), body=ask(stream=True),
         check=refuses(502, "empty_answer")),
    # --- the provider stops in the middle ---
    Case("stream cut between frames", scripted(oai.chat("one two three", after={2: DROP})), body=ask(stream=True),
         check=says_in_a_frame("upstream_unreachable", b"two")),
    Case("stream cut inside a frame", scripted(Reply(200, oai.EVENTS, steps=[b'data: {"id":1}\n\ndata: {"i', DROP])),
         body=ask(stream=True), check=breaks(b'data: {"i')),
    Case("stream that stalls", both(change_connection(**SLOW), scripted(oai.chat("one two", after={1: Gate()}))),
         body=ask(stream=True), check=says_in_a_frame("upstream_timeout", b"one")),
    Case("body cut in the middle", scripted(Reply(200, JSON, steps=[b'{"id":' + b" " * 2000, DROP])),
         check=breaks(b'{"id":')),
    Case("an address that redirects", scripted(redirect("https://new.example/v1/chat/completions?key=a")),
         check=lambda a: refuses(502, "redirected")(a) and "https://new.example/v1/chat" in a.json["error"]["message"]),
    Case("an address that redirects with a page",
         scripted(in_html(301, "Moved").with_(headers={"Location": "/new", "Content-Type": "text/html"})),
         check=refuses(502, "redirected")),
    Case("body cut before it began", scripted(oai.chat("one two three", after={1: DROP})),
         check=refuses(502, "upstream_unreachable")),
    Case("chunked body cut before it began", scripted(Reply(200, JSON, steps=[b'{"id":', DROP])),
         check=refuses(502, "upstream_unreachable")),
]  # fmt: skip


def _deactivate(user: Any) -> None:
    user.is_active = False
    user.save()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_entrances_answer_alike(case: Case, site: Any, upstream: Any, settings: Any) -> None:
    alice = people.make_user("Alice")
    connection = people.make_connection(upstream.url, "m1")
    world = World(upstream, connection, alice, people.make_key(alice), settings)
    case.prepare(world)
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body or ask()).encode()
    headers = {"Authorization": f"Bearer {world.key}"} if case.headers is None else case.headers

    lane = send(f"{site.url}{case.path}", body, headers)
    view = send(f"{site.views_url}{case.path}", body, headers)

    assert case.check(lane), lane
    assert lane == view


# --- addresses as clients join them -----------------------------------------------------------------------------------


@pytest.fixture(params=["lane", "views"])
def base(request, site):
    return site.url if request.param == "lane" else site.views_url


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_the_base_url_itself_answers_json(site, base, path):
    answer = site.session().get(base + path)
    assert (answer.status_code, answer.json()["models"]) == (200, "/v1/models")
