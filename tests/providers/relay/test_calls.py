"""The relay through the running site: the provider's request, failover, and cost."""

import contextlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from asgiref.sync import sync_to_async

from providers import callers, relay
from providers.errors import ProviderError
from providers.models import ChatModel, ModelSource, UsageRecord
from providers.relay import usage
from providers.upstream.sse import frames
from tests import people
from tests.upstream import DROP, Gate, Reply, Upstream, in_html, in_json, in_text, oddities, reset, unused_port
from tests.upstream import openai as oai
from webui.models import SiteSettings

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture(params=["lane", "view"])
def entrance(request, site):
    """The address of either entrance."""
    return site.url if request.param == "lane" else site.views_url


@pytest.fixture
def post(entrance, site, api_key):
    session = site.session(key=api_key)

    def send(path="/v1/chat/completions", *, body=None, headers=None, **more: Any):
        data = body if body is not None else json.dumps({"model": "m1", "messages": MESSAGES, **more}).encode()
        return session.post(f"{entrance}{path}", data=data, headers=headers, timeout=20)

    return send


def change(connection: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(connection, name, value)
    connection.save()


# --- what the provider receives ---------------------------------------------------------------------------------------


def test_the_callers_bytes_go_on_unchanged_where_no_rule_applies(post, connection, upstream):
    body = b'{ "model": "m1",  "messages": [{"role":"user","content":"\xc3\xa4","odd":1.10}], "new_thing": [1e2] }'
    assert post(body=body).status_code == 200
    assert upstream.last.body == body


def test_a_body_that_rules_change_keeps_all_the_rest(post, connection, upstream):
    ChatModel.objects.update(public_id="work.m1")
    assert post(model="work.m1", new_thing={"a": [1, None, "ä"]}, max_tokens=5).status_code == 200
    assert upstream.last.json == {
        "model": "m1", "messages": MESSAGES, "new_thing": {"a": [1, None, "ä"]}, "max_tokens": 5
    }  # fmt: skip


def test_the_provider_gets_our_key_and_nothing_of_the_callers(post, connection, upstream, api_key):
    post(headers={"X-Secret": "mine", "Accept-Encoding": "gzip"})
    received = upstream.last
    assert received.headers["Authorization"] == "Bearer upstream-key"
    assert received.headers["Accept-Encoding"] == "identity"
    assert "X-Secret" not in received.headers
    assert "Cookie" not in received.headers
    assert api_key not in str(received.headers)


@pytest.mark.parametrize("auth", [{"auth_type": "none"}, {"auth_type": "bearer", "secret": ""}])
def test_r17_r18_no_key_no_authorization(post, connection, upstream, auth):
    change(connection, **auth)
    assert post().status_code == 200
    assert "Authorization" not in upstream.last.headers


def test_r11_an_administrators_headers_come_last_and_know_the_caller(post, connection, upstream, alice):
    alice.name = "Alice Ä\r\nX-Evil: 1"
    alice.save()
    own = {
        "authorization": "Custom {{USER_ID}}",
        "X-Who": "{{USER_NAME}}/{{ USER_EMAIL }}/{{USER_ROLE}}",
        "X-What": "{{MODEL_ID}}{{CHAT_ID}}",
        "X-Groups": "[{{USER_GROUPS}}]",
        "X-Odd": "{{SOMETHING_ELSE}}",
    }
    change(connection, headers=own)
    assert post().status_code == 200
    headers = upstream.last.headers
    assert headers.getall("Authorization") == [f"Custom {alice.pk}"]
    assert headers["X-Who"] == "Alice %C3%84%0D%0AX-Evil: 1/alice@example.com/user"
    assert headers["X-What"] == "m1"
    assert headers["X-Groups"] == "[]"
    assert headers["X-Odd"] == "{{SOMETHING_ELSE}}"
    assert "X-Evil" not in headers


def test_r24_user_headers_are_sent_when_asked_for(post, connection, upstream, settings, alice):
    assert post().status_code == 200
    assert not any(name.startswith("X-OpenWebUI") for name in upstream.last.headers)
    settings.ENABLE_FORWARD_USER_INFO_HEADERS = True
    alice.name = "Alice Ä"
    alice.save()
    assert post().status_code == 200
    sent = {name: value for name, value in upstream.last.headers.items() if name.startswith("X-OpenWebUI")}
    assert sent == {
        "X-OpenWebUI-User-Name": "Alice %C3%84",
        "X-OpenWebUI-User-Id": str(alice.pk),
        "X-OpenWebUI-User-Email": "alice@example.com",
        "X-OpenWebUI-User-Role": "user",
    }


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/chat/completions", "/api/chat/completions"])
@pytest.mark.parametrize("views", [False, True])
@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"chat_id": "c-1", "message_id": "m-1"}, {"Chat-Id": "c-1", "Message-Id": "m-1"}),
        ({"chat_id": "c-1"}, {"Chat-Id": "c-1"}),
        ({"chat_id": "é\r\nX-Evil: 1"}, {"Chat-Id": "%C3%A9%0D%0AX-Evil: 1"}),
        ({"chat_id": 7, "message_id": ["m"]}, {}),
        ({}, {}),
        (None, {}),
        ("c-1", {}),
    ],
)
def test_what_a_program_names_in_metadata_reaches_the_headers(
    site, api_key, connection, upstream, settings, path, views, metadata, told
):
    settings.ENABLE_FORWARD_USER_INFO_HEADERS = True
    base = site.views_url if views else site.url
    body = {"model": "m1", "messages": MESSAGES, "metadata": metadata}
    assert site.session(key=api_key).post(f"{base}{path}", json=body).status_code == 200
    sent = upstream.last.headers
    prefix = "X-OpenWebUI-"
    assert {name: sent[prefix + name] for name in ("Chat-Id", "Message-Id") if prefix + name in sent} == told
    assert upstream.last.json["metadata"] == metadata


def test_the_sites_own_chat_counts_before_metadata(site, api_key, connection, upstream, settings):
    settings.ENABLE_FORWARD_USER_INFO_HEADERS = True
    body = {"model": "m1", "messages": MESSAGES, "metadata": {"chat_id": "theirs", "message_id": "theirs"}}
    body |= {"chat_id": "ours", "id": "answer"}
    assert site.session(key=api_key).post(f"{site.url}/api/chat/completions", json=body).status_code == 200
    sent = upstream.last.headers
    assert (sent["X-OpenWebUI-Chat-Id"], sent["X-OpenWebUI-Message-Id"]) == ("ours", "answer")


def test_one_signed_token_stands_for_the_user_headers(post, connection, upstream, settings, alice):
    settings.ENABLE_FORWARD_USER_INFO_HEADERS = True
    settings.FORWARD_USER_INFO_HEADER_PREFIX = "X-Site-"
    settings.FORWARD_USER_INFO_HEADER_JWT_SECRET = "a secret of thirty-two characters"
    SiteSettings.objects.create(pk=1, name="Harbour")
    assert post().status_code == 200
    assert "X-Site-User-Email" not in upstream.last.headers
    claims = jwt.decode(
        upstream.last.headers["X-Site-User-Jwt"], settings.FORWARD_USER_INFO_HEADER_JWT_SECRET, algorithms=["HS256"]
    )
    assert (claims["sub"], claims["email"], claims["role"]) == (str(alice.pk), "alice@example.com", "user")
    assert claims["exp"] - claims["iat"] == 300
    assert claims["iss"] == "Harbour"


@pytest.mark.parametrize(("rule", "sent"), [("none", set()), ("others", {"theme"}), ("all", {"theme"})])
def test_cookies_are_sent_on_as_the_connection_says(site, connection, upstream, alice, rule, sent):
    change(connection, forward_cookies=rule)
    session = site.session(alice)
    session.cookies["theme"] = "dark"
    answer = session.post(f"{site.url}/openai/chat/completions", json={"model": "m1", "messages": MESSAGES})
    assert answer.status_code == 200
    assert set(upstream.last.request.cookies) == sent


def test_azure_is_asked_as_its_own_client_would(post, connection, upstream):
    change(connection, base_url=upstream.origin, kind="azure", api_version="2024-10-21")
    ModelSource.objects.update(upstream_id="my gpt/4")
    upstream.answer("Blue.")
    assert post(temperature=0.5, unheard_of=1).status_code == 200
    received = upstream.last
    assert received.raw_path == "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21"
    assert received.headers["api-key"] == "upstream-key"
    assert "Authorization" not in received.headers
    assert received.json == {"model": "my gpt/4", "messages": MESSAGES, "temperature": 0.5}


# --- who may ----------------------------------------------------------------------------------------------------------


def test_b2_no_query_opens_a_forbidden_model(post, connection):
    ChatModel.objects.update(access="private")
    assert post("/v1/chat/completions?bypass_filter=true").status_code == 404


def test_a_session_needs_its_csrf_token(site, connection, alice):
    session = site.session(alice)
    assert session.post(f"{site.url}/v1/chat/completions", json={"model": "m1", "messages": MESSAGES}).ok
    del session.headers["X-CSRFToken"]
    refused = session.post(f"{site.url}/v1/chat/completions", json={"model": "m1", "messages": MESSAGES})
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "permission_denied"


def test_a_browser_behind_another_servers_password_is_still_a_browser(site, connection, alice):
    session = site.session(alice)
    session.headers["Authorization"] = "Basic YTpi"
    assert session.post(f"{site.url}/v1/chat/completions", json={"model": "m1", "messages": MESSAGES}).ok


def test_clients_of_azure_may_send_their_key_in_azures_header(site, entrance, connection, api_key):
    answer = site.session().post(
        f"{entrance}/v1/chat/completions", json={"model": "m1", "messages": MESSAGES}, headers={"api-key": api_key}
    )
    assert answer.status_code == 200


def test_the_accept_header_of_streaming_clients_is_no_hindrance(post, connection):
    assert post(headers={"Accept": "text/event-stream"}, stream=True).status_code == 200


def test_a_body_of_unknown_length_is_refused_once_it_is_too_large(
    site, entrance, connection, upstream, api_key, settings
):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    pieces = (b"x" * 10_000 for _ in range(20))
    refused = site.session(key=api_key).post(f"{entrance}/v1/chat/completions", data=pieces)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")
    assert upstream.history == []


# --- calls from inside the house --------------------------------------------------------------------------------------


@pytest.fixture
def ask(connection, alice, transactional_db):
    def make(**more: Any) -> relay.RelayRequest:
        return relay.RelayRequest(
            "chat", callers.caller_for_user(alice), {"model": "m1", "messages": MESSAGES, **more}, kind="task"
        )

    return make


async def test_a_task_gets_the_whole_answer(ask, upstream):
    upstream.answer("A title", usage={"prompt_tokens": 5, "completion_tokens": 2})
    answer = await relay.complete(await sync_to_async(ask)(temperature=0), max_bytes=64_000)
    assert answer["choices"][0]["message"]["content"] == "A title"
    assert upstream.last.json["temperature"] == 0
    await sync_to_async(usage.flush)()
    record = await UsageRecord.objects.aget()
    assert (record.kind, record.status, record.tokens_out) == ("task", 200, 2)


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        (oai.error(429, "Slow down.", headers={"Retry-After": "7"}), 429, "Slow down."),
        (in_html(502), 502, "502 Bad Gateway"),
        (oddities.ollama_error(404, "no such model"), 404, "no such model"),
        (in_json({"error": {"message": "Out of credit"}}), 502, "Out of credit"),
        (in_json(["odd"]), 502, ""),
        (in_text("odd"), 502, ""),
    ],
)
async def test_a_task_fails_in_the_providers_words(ask, upstream, behaviour, status, words):
    upstream.script(behaviour)
    with pytest.raises(ProviderError) as refused:
        await relay.complete(await sync_to_async(ask)(), max_bytes=64_000)
    assert (refused.value.status, refused.value.provider) == (status, words)


async def test_a_reply_says_who_answered_and_reads_once(ask, upstream):
    upstream.answer("one two")
    async with relay.call(await sync_to_async(ask)(stream=True)) as reply:
        assert (reply.status, reply.public_id, reply.connection) == (200, "m1", "Scripted")
        data = [frame.data async for frame in frames(reply.chunks())]
        assert data[-1] == "[DONE]"
        assert await reply.read_some() == b""


# --- request ids ------------------------------------------------------------------------------------------------------


def test_every_answer_has_an_id_that_the_client_may_choose(post, connection, upstream):
    assert len(post().headers["X-Request-Id"]) == 16
    assert post(model="m9", headers={"X-Request-Id": "trace-0123"}).headers["X-Request-Id"] == "trace-0123"
    assert len(post(headers={"X-Request-Id": "a b\tc"}).headers["X-Request-Id"]) == 16
    upstream.script(in_json({}, headers={"X-Request-Id": "req-of-the-provider"}))
    assert post(headers={"X-Request-Id": "trace-0123"}).headers["X-Request-Id"] == "req-of-the-provider"


# --- one of several connections ---------------------------------------------------------------------------------------


@pytest.fixture
def second(start_upstream, connection) -> Upstream:
    """Another connection, behind the first, that offers the same model."""
    server = start_upstream()
    people.make_connection(server.url, "m1", name="Second", position=1)
    return server


def broken(upstream: Upstream, connection: Any, how: str) -> None:
    if how == "nobody there":
        change(connection, base_url=f"http://127.0.0.1:{unused_port()}/v1")
    elif how == "too slow":
        change(connection, first_byte_timeout=0.2)
        upstream.always(Reply(before=[Gate()]), path="/chat/completions")
    else:
        replies = {
            "resets": reset(),
            "overloaded": oai.error(503),
            "too many": oai.error(429),
            "proxy page": in_html(502),
            "empty": Reply(200, oai.EVENTS, steps=[]),
            "cut before the first byte": Reply(200, oai.EVENTS, steps=[DROP]),
        }
        upstream.always(replies[how], path="/chat/completions")


@pytest.mark.parametrize(
    "how",
    [
        "nobody there",
        "too slow",
        "resets",
        "overloaded",
        "too many",
        "proxy page",
        "empty",
        "cut before the first byte",
    ],
)
def test_the_next_connection_takes_over_before_the_first_byte(post, connection, upstream, second, how):
    broken(upstream, connection, how)
    answer = post(stream=True)
    assert answer.status_code == 200
    assert answer.text.endswith("data: [DONE]\n\n")
    assert len(second.chats) == 1


def test_nobody_takes_over_after_the_first_byte(post, connection, upstream, second):
    upstream.answer("one two", after={1: DROP})
    answer = post(stream=True)
    assert "upstream_unreachable" in answer.text
    assert second.chats == []


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refusal_that_is_about_the_request_is_nobody_elses(post, connection, upstream, second, status):
    upstream.script(oai.error(status))
    assert post().status_code == status
    assert second.chats == []


def test_when_all_fail_the_last_ones_answer_is_the_answer(post, connection, upstream, second):
    upstream.always(oai.error(500, "first"), path="/chat/completions")
    second.always(oai.error(503, "second", headers={"Retry-After": "9"}), path="/chat/completions")
    answer = post()
    assert (answer.status_code, answer.json()["error"]["message"], answer.headers["Retry-After"]) == (
        503,
        "second",
        "9",
    )


def test_only_connections_that_the_caller_may_use_take_over(post, connection, upstream, start_upstream):
    server = start_upstream()
    people.make_connection(server.url, "m1", name="Private", position=1, access="private", shared_access="own")
    upstream.script(oai.error(500))
    assert post().status_code == 500
    assert server.history == []


def test_each_source_gets_the_model_by_its_own_name(post, connection, upstream, second):
    ModelSource.objects.filter(connection__name="Second").update(upstream_id="other-name")
    upstream.script(reset())
    assert post().status_code == 200
    assert second.chats[0].json["model"] == "other-name"


# --- a caller who leaves ----------------------------------------------------------------------------------------------


class Caller:
    """A client on a raw socket, which can disconnect without notice."""

    def __init__(self, url: str, key: str, **body: Any) -> None:
        host, port = url.removeprefix("http://").split(":")
        data = json.dumps({"model": "m1", "messages": MESSAGES, **body}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        self.sock = socket.create_connection((host, int(port)), timeout=20)
        self.sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def read_until(self, wanted: bytes) -> bytes:
        seen = b""
        while wanted not in seen:
            piece = self.sock.recv(65536)
            assert piece, seen
            seen += piece
        return seen

    def leave(self) -> None:
        self.sock.close()


def test_the_provider_is_left_when_the_caller_leaves_a_stream(site, entrance, connection, upstream, api_key):
    gate = Gate()
    upstream.answer("one two", after={1: gate})
    caller = Caller(entrance, api_key, stream=True)
    caller.read_until(b"one")
    gate.wait()
    caller.leave()
    upstream.last.wait_closed()


def test_the_provider_is_left_when_the_caller_does_not_wait_for_an_answer(
    site, entrance, connection, upstream, api_key
):
    gate = Gate()
    upstream.script(Reply(before=[gate]))
    caller = Caller(entrance, api_key)
    gate.wait()
    caller.leave()
    upstream.last.wait_closed()


def test_a_caller_who_leaves_is_a_499(site, connection, upstream, api_key):
    gate = Gate()
    upstream.answer("one two", after={1: gate})
    caller = Caller(site.url, api_key, stream=True)
    caller.read_until(b"one")
    gate.wait()
    caller.leave()
    upstream.last.wait_closed()
    usage.flush()
    [record] = UsageRecord.objects.all()
    assert (record.status, record.kind, record.model) == (499, "chat", "m1")


def test_a_slow_reader_slows_the_provider_down(site, entrance, connection, upstream, api_key):
    """100 MB stay unread at the provider instead of filling our memory."""
    piece = b'data: {"choices":[]}\n\n' + b":" + b"x" * 2**20 + b"\n\n"
    upstream.script(Reply(200, oai.EVENTS, steps=[piece] * 100))
    caller = Caller(entrance, api_key, stream=True)
    caller.read_until(b"choices")
    received = upstream.last
    settled = threading.Event()
    sent = -1
    while sent != received.sent:
        sent = received.sent
        settled.wait(0.3)
    assert sent < 40 * 2**20
    caller.leave()
    received.wait_closed()


def test_many_callers_at_once_each_get_their_own_answer(site, entrance, connection, upstream, api_key):
    def ask(number: int) -> str:
        session = site.session(key=api_key)
        body = {"model": "m1", "messages": [{"role": "user", "content": f"number {number}"}]}
        return session.post(f"{entrance}/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(40))) == [f"You said: number {number}" for number in range(40)]


# --- what is passed on as it comes ------------------------------------------------------------------------------------


def test_every_piece_is_there_before_the_next_is_sent(site, entrance, connection, upstream, api_key):
    gates = [Gate(), Gate()]
    upstream.answer("one two three", after={1: gates[0], 2: gates[1]})
    caller = Caller(entrance, api_key, stream=True)
    for word, gate in zip((b"one ", b"two "), gates, strict=True):
        caller.read_until(word)
        gate.wait()
        gate.open()
    caller.read_until(b"[DONE]")
    caller.leave()


def test_p10_a_frame_of_megabytes_arrives_whole(post, connection, upstream):
    picture = "A" * 6_000_000
    upstream.answer(picture, frames=1)
    assert picture in post(stream=True).text


def test_a_picture_in_the_request_arrives_whole(post, connection, upstream):
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 6_000_000}}
    assert post(messages=[{"role": "user", "content": [part]}]).status_code == 200
    assert upstream.last.json["messages"][0]["content"] == [part]


def test_nothing_of_a_call_is_in_the_log(post, connection, upstream, api_key, caplog):
    caplog.set_level("DEBUG")
    upstream.script(oai.error(500, "broken"), reset(), in_json({"odd": True}))
    for _ in range(3):
        post(messages=[{"role": "user", "content": "a very private question"}])
    for secret in ("private question", api_key, "upstream-key"):
        assert secret not in caplog.text


def test_the_views_answers_in_english_whatever_the_browser_speaks(site, connection, alice):
    session = site.session(alice)
    session.headers["Accept-Language"] = "zh-hans"
    refused = session.post(f"{site.url}/v1/chat/completions", json={"model": "m9", "messages": MESSAGES})
    assert "does not exist" in refused.json()["error"]["message"]
    with contextlib.closing(session):
        assert session.post(f"{site.url}/v1/chat/completions", json=[]).json()["error"]["code"] == "invalid_json"
