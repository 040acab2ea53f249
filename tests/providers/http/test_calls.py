"""Calls through both HTTP clients over real sockets: limits, errors, and refused addresses."""

import asyncio
import gc
import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import repeat

import pytest
import requests

from providers import http, runtime
from providers.errors import AddressRefused, ConfigurationError, NetworkError, ProviderError, UpstreamTimeout
from providers.http import Limits, Reach, Tls, local, policy
from providers.process import waiting
from tests.upstream import (
    DROP,
    RESET,
    Gate,
    Reply,
    full_listener,
    gzipped,
    in_bytes,
    in_json,
    in_text,
    no_http,
    redirect,
    reset,
    silent_listener,
    unused_port,
)
from tests.upstream.tls import server_context

SHORT = Limits(connect=0.5, first_byte=0.3, idle=0.3)  # for answers that never come
PATIENT = Limits(connect=5, first_byte=20, idle=20)


class Faces:
    """Both HTTP clients behind one signature: (status, lower-case headers, bytes)."""

    @staticmethod
    async def stream(method, url, *, body=None, headers=None, **options):
        async with http.stream(method, url, headers=headers or {}, body=body, **options) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers}, await answer.read(2**26)

    @staticmethod
    async def request(method, url, *, body=None, **options):
        answer = await waiting.in_own_thread(http.request, method, url, data=body, **options)
        return answer.status, answer.headers, answer.content


@pytest.fixture(params=["stream", "request"])
def ask(request):
    return getattr(Faces, request.param)


# --- what comes back --------------------------------------------------------------------------------------------------


async def test_an_answer_has_its_status_headers_and_bytes(ask, upstream):
    upstream.script(in_text("nowhere", 404, {"X-Thing": "a"}))
    status, headers, body = await ask("POST", f"{upstream.origin}/x", body=b"hello", limits=PATIENT)
    assert (status, headers["x-thing"], body) == (404, "a", b"nowhere")
    assert upstream.last.body == b"hello"


async def test_a_large_body_arrives_whole(ask, upstream):
    body = bytes(range(256)) * 20_000
    upstream.script(in_text("thanks"))
    await ask("POST", f"{upstream.origin}/x", body=body, headers={"Content-Type": "application/json"}, limits=PATIENT)
    assert upstream.last.body == body
    assert upstream.last.headers["Content-Type"] == "application/json"


async def test_a_body_is_read_up_to_the_bound_of_its_reader(upstream):
    for bound in (10, 2**20):
        upstream.script(Reply(steps=repeat(b"x" * 1_000)))
        async with http.stream("POST", f"{upstream.origin}/x", headers={}, limits=PATIENT) as answer:
            with pytest.raises(ProviderError, match="larger than allowed"):
                await answer.read(bound)
        assert await asyncio.to_thread(upstream.last.closed.wait, 10)
    upstream.script(Reply(500, steps=repeat(b"x" * 1_000)))
    async with http.stream("POST", f"{upstream.origin}/x", headers={}, limits=PATIENT) as answer:
        assert await answer.beginning() == b"x" * 2**16
    assert await asyncio.to_thread(upstream.last.closed.wait, 10)


async def test_a_small_body_is_read_without_a_thread_whatever_its_bound(upstream, monkeypatch):
    upstream.script(in_json({"a": 1}))
    monkeypatch.setattr(waiting, "in_own_thread", None)
    async with http.stream("POST", upstream.url, headers={}) as answer:
        assert await answer.read(2**30) == b'{"a": 1}'


def test_an_error_without_an_end_is_read_up_to_its_bound(upstream):
    upstream.script(Reply(500, steps=repeat(b"x" * 1_000)))
    answer = http.request("POST", f"{upstream.origin}/x", limits=PATIENT)
    assert (answer.status, len(answer.content)) == (500, pytest.approx(2**20, rel=0.1))
    assert upstream.last.closed.wait(10)


async def test_redirects_are_answers_for_whoever_reads_them(ask, upstream):
    upstream.script(redirect("/elsewhere"))
    status, headers, _body = await ask("POST", f"{upstream.origin}/x", limits=PATIENT, redirects=True)
    assert (status, headers["location"]) == (302, "/elsewhere")
    assert len(upstream.history) == 1


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://new.example/v1/chat?key=abcdef#top", "https://new.example/v1/chat"),
        ("//user:hunter22@new.example:8443/a", "http://new.example:8443/a"),
        ("/elsewhere", "/elsewhere"),
        ("/sk-0123456789/x", "/*************/x"),
        ("", "another one"),
        ("http://[", "another one"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_told_with_its_place_and_no_secret(ask, upstream, location, told, status):
    upstream.script(redirect(location, status))
    secrets = http.secrets_of(["sk-0123456789"])
    with pytest.raises(ConfigurationError) as refused:
        await ask("POST", f"{upstream.origin}/x", limits=PATIENT, secrets=secrets)
    assert (refused.value.code, refused.value.status, refused.value.retryable) == ("redirected", 502, False)
    assert told in refused.value.message
    assert not any(secret in refused.value.message for secret in ("hunter22", "abcdef", "sk-0123456789"))
    assert len(upstream.history) == 1


async def test_no_cookie_is_kept(ask, upstream):
    upstream.script(in_text("a", headers={"Set-Cookie": "secret=1; Path=/"}), in_text("b"))
    await ask("POST", f"{upstream.origin}/x", limits=PATIENT)
    await ask("POST", f"{upstream.origin}/x", limits=PATIENT)
    assert "Cookie" not in upstream.last.headers


async def test_quoting_in_a_url_is_left_as_it_is(ask, upstream):
    upstream.script(in_text("a"))
    await ask("POST", f"{upstream.origin}/openai/deployments/a%20b%2F1/x?api-version=a%2Fb", limits=PATIENT)
    assert upstream.last.raw_path == "/openai/deployments/a%20b%2F1/x?api-version=a%2Fb"


async def test_the_event_loops_face_passes_compressed_bytes_on_and_asks_for_none(upstream):
    reply = gzipped(in_json({"a": 1}))
    upstream.script(reply)
    _status, headers, body = await Faces.stream("POST", f"{upstream.origin}/x", limits=PATIENT)
    assert (headers["content-encoding"], body) == ("gzip", reply.body)
    assert upstream.last.headers["Accept-Encoding"] == "identity"


def test_the_threads_face_decompresses(upstream):
    upstream.script(gzipped(in_json({"a": "ä" * 100_000})))
    assert http.request("POST", f"{upstream.origin}/x", limits=PATIENT).json() == {"a": "ä" * 100_000}


def test_an_answer_that_is_no_json_says_so_in_the_providers_words(upstream):
    upstream.script(in_text("<html>Oops</html>"))
    with pytest.raises(ProviderError, match="JSON") as refused:
        http.request("POST", f"{upstream.origin}/x", limits=PATIENT).json()
    assert (refused.value.code, refused.value.provider) == ("invalid_answer", "<html>Oops</html>")


async def test_bytes_are_given_as_they_come(upstream):
    gate = Gate()
    upstream.script(Reply(steps=[b"one", gate, b"two"]))
    async with http.stream("POST", f"{upstream.origin}/x", headers={}, limits=PATIENT) as answer:
        assert await answer.read_some() == b"one"
        gate.open()
        assert await answer.read_some() == b"two"
        assert await answer.read_some() == b""


def test_threads_get_bytes_as_they_come(upstream):
    gate = Gate()
    upstream.script(Reply(steps=[b"one", gate, b"two"]))
    with http.stream_blocking("POST", f"{upstream.origin}/x", limits=PATIENT) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"one"
        gate.open()
        assert b"".join(pieces) == b"two"


async def test_leaving_early_closes_the_connection(upstream):
    upstream.script(Reply(steps=[b"one", Gate()]))
    async with http.stream("POST", f"{upstream.origin}/x", headers={}, limits=PATIENT) as answer:
        await answer.read_some()
    await asyncio.to_thread(upstream.last.wait_closed)


async def test_a_connection_is_used_again_once_its_answer_was_read(upstream):
    ports = set()

    def note(received):
        ports.add(received.request.transport.get_extra_info("peername")[1])
        return in_text("a")

    upstream.script(note, note, note)
    for _ in range(3):
        await Faces.stream("POST", f"{upstream.origin}/x", limits=PATIENT)
    assert len(ports) == 1


async def test_a_kept_connection_that_its_server_has_closed_costs_no_request(upstream):
    """A pooled connection was closed unread, so the request is repeated; on a new connection it is not."""
    upstream.script(in_text("a"), reset(), in_text("b"))
    await Faces.stream("POST", f"{upstream.origin}/x", limits=PATIENT)
    assert (await Faces.stream("POST", f"{upstream.origin}/x", limits=PATIENT))[2] == b"b"
    upstream.script(reset(), in_text("never"))
    await http.aclose()
    with pytest.raises(NetworkError):
        await Faces.stream("POST", f"{upstream.origin}/x", limits=PATIENT)


# --- limits and errors ------------------------------------------------------------------------------------------------


async def test_a_port_without_a_server_is_unreachable(ask):
    with pytest.raises(NetworkError) as refused:
        await ask("GET", f"http://127.0.0.1:{unused_port()}/", limits=PATIENT)
    assert (refused.value.status, refused.value.code) == (502, "upstream_unreachable")


async def test_a_name_that_nobody_knows_is_unreachable(ask):
    with pytest.raises(NetworkError, match="host name"):
        await ask("GET", "http://no-such-host.invalid/", limits=PATIENT)


@pytest.mark.parametrize(
    "url", ["models.example", "ftp://models.example/", "http://", "http://[::1", "", "http://a b/"]
)
async def test_what_is_no_address_is_refused(ask, url):
    with pytest.raises((AddressRefused, NetworkError)):
        await ask("GET", url, limits=PATIENT)


async def test_a_server_that_takes_no_connection_is_too_slow(ask):
    with full_listener() as origin, pytest.raises(UpstreamTimeout) as late:
        await ask("GET", f"{origin}/", limits=SHORT)
    assert (late.value.status, late.value.code) == (504, "upstream_timeout")


async def test_a_server_that_says_nothing_is_too_slow(ask):
    with silent_listener() as origin, pytest.raises(UpstreamTimeout):
        await ask("GET", f"{origin}/", limits=SHORT)


async def test_a_body_that_stalls_is_too_slow(ask, upstream):
    upstream.script(Reply(steps=[b"one\n", Gate()]))
    with pytest.raises(UpstreamTimeout):
        await ask("POST", f"{upstream.origin}/x", limits=Limits(first_byte=20, idle=0.2))


async def test_the_first_byte_may_take_longer_than_the_others(upstream):
    gate = Gate()
    upstream.script(Reply(steps=[gate, b"one"]))
    asked = asyncio.ensure_future(Faces.stream("POST", f"{upstream.origin}/x", limits=Limits(first_byte=20, idle=0.05)))
    await gate.arrived()
    await asyncio.sleep(0.2)
    gate.open()
    assert (await asked)[2] == b"one"


async def test_a_body_that_drips_is_ended_by_the_limit_for_the_whole(ask, upstream):
    upstream.script(Reply(steps=[b"x"] + [step for _ in range(2000) for step in (b"x", _pause())]))
    with pytest.raises(UpstreamTimeout):
        await ask("POST", f"{upstream.origin}/x", limits=Limits(idle=5, total=0.4))


def _pause():
    from tests.upstream import Pause

    return Pause(0.01)


async def test_a_body_that_is_too_large_is_not_read_to_its_end(ask, upstream):
    upstream.script(in_bytes(b"x" * 500_000, "image/png"))
    with pytest.raises(ProviderError) as refused:
        await ask("POST", f"{upstream.origin}/x", limits=Limits(max_bytes=100_000))
    assert refused.value.code == "answer_too_large"


@pytest.mark.parametrize("cut", [DROP, RESET])
async def test_a_body_that_is_cut_off_is_no_answer(ask, upstream, cut):
    upstream.script(Reply(steps=[b"one", cut]))
    with pytest.raises(NetworkError) as broken:
        await ask("POST", f"{upstream.origin}/x", limits=PATIENT)
    assert broken.value.code == "upstream_unreachable"


async def test_a_body_shorter_than_it_said_is_cut_off(ask, upstream):
    upstream.script(Reply(headers={"Content-Length": "10"}, steps=[b"one", DROP]))
    with pytest.raises(NetworkError):
        await ask("POST", f"{upstream.origin}/x", limits=PATIENT)


async def test_what_does_not_speak_http_is_unreachable(ask, upstream):
    upstream.script(no_http())
    with pytest.raises(NetworkError):
        await ask("POST", f"{upstream.origin}/x", limits=PATIENT)


async def test_errors_name_no_host_and_no_key(ask):
    url = f"http://127.0.0.1:{unused_port()}/secret-path"
    with pytest.raises(NetworkError) as refused:
        await ask("GET", url, headers={"Authorization": "Bearer sk-secret"}, limits=PATIENT)
    assert not any(word in str(refused.value.detail_body()) for word in ("127.0.0.1", "secret"))


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path, start_upstream):
    context, ca_file = server_context(tmp_path)
    server = start_upstream(tls=context)
    server.always(in_text("safe"), path="/x")
    return server, str(ca_file)


async def test_a_certificate_of_an_unknown_authority_is_not_accepted(ask, secure):
    with pytest.raises(NetworkError, match="certificate"):
        await ask("GET", f"{secure[0].origin}/x", limits=PATIENT)


async def test_a_ca_file_or_no_check_at_all_opens_the_way(ask, secure):
    server, ca_file = secure
    assert (await ask("GET", f"{server.origin}/x", limits=PATIENT, tls=Tls(ca_file=ca_file)))[2] == b"safe"
    assert (await ask("GET", f"{server.origin}/x", limits=PATIENT, tls=Tls(verify=False)))[2] == b"safe"


async def test_a_ca_file_that_cannot_be_read_is_the_administrators_matter(ask, tmp_path):
    with pytest.raises(ConfigurationError):
        await ask("GET", "https://127.0.0.1:1/", limits=PATIENT, tls=Tls(ca_file=str(tmp_path / "none.pem")))


async def test_a_plain_server_behind_https_is_named_as_such(ask, upstream):
    with pytest.raises(NetworkError, match="TLS"):
        await ask("GET", f"https://127.0.0.1:{upstream.port}/", limits=PATIENT)


# --- where it does not go ---------------------------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "::127.0.0.1", "2001:db8::1",
    "2001:0:c000:201:0:0:80ff:fffe",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_of_the_public_internet(address):
    assert not policy.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_public_internet(address):
    assert policy.is_public(address)


def spellings(port):
    """Ways to write a loopback address."""
    number = int(ipaddress.ip_address("127.0.0.1"))
    hosts = ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0177.0.0.1", "0x7f.0.0.1"]
    return [f"http://{host}:{port}/x" for host in [*hosts, str(number), hex(number)]]


async def test_addresses_from_others_lead_nowhere_private_however_they_are_written(ask, upstream):
    for url in spellings(upstream.port):
        with pytest.raises(AddressRefused):
            await ask("GET", url, limits=PATIENT, reach=Reach.PUBLIC)
    assert upstream.history == []


async def test_an_administrators_addresses_may_be_private(ask, upstream):
    upstream.always(in_text("ok"), path="/x")
    assert (await ask("GET", f"http://localhost:{upstream.port}/x", limits=PATIENT))[2] == b"ok"


async def test_the_address_that_was_judged_is_the_one_that_is_called(ask, upstream, monkeypatch):
    """The name resolves first to a public address, then to this machine. It must be resolved only once."""
    real = socket.getaddrinfo
    answers = iter([ADDRESS_OF_NOBODY])

    def changing(host, port, *args, **options):
        if host == "rebind.example":
            return real(next(answers, "127.0.0.1"), port, *args, **options)
        return real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    with pytest.raises(NetworkError) as failed:
        await ask("GET", f"http://rebind.example:{upstream.port}/x", limits=SHORT, reach=Reach.PUBLIC)
    assert not isinstance(failed.value, AddressRefused)  # it went out to the address that was judged
    assert upstream.history == []


ADDRESS_OF_NOBODY = "1.2.3.4"


def test_a_name_with_one_private_address_among_others_never_reaches_it(upstream, monkeypatch):
    real = socket.getaddrinfo

    def several(host, port, *args, **options):
        if host == "mixed.example":
            return [*real("127.0.0.1", port, *args, **options), *real(ADDRESS_OF_NOBODY, port, *args, **options)]
        return real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", several)
    with pytest.raises(AddressRefused):
        http.request("GET", f"http://mixed.example:{upstream.port}/x", limits=SHORT, reach=Reach.PUBLIC)
    assert upstream.history == []


# --- fetch ------------------------------------------------------------------------------------------------------------


def test_fetch_reads_bytes_and_their_type_from_a_trusted_origin(upstream):
    upstream.script(in_bytes(b"pixels", "image/png"), method="GET", path="/x")
    found = http.fetch(f"{upstream.origin}/x", limits=PATIENT, trusted_origin=upstream.origin)
    assert found == (b"pixels", "image/png")


def test_trust_ends_at_the_origin(upstream, start_upstream):
    other = start_upstream()
    with pytest.raises(AddressRefused):
        http.fetch(f"{other.origin}/x", limits=PATIENT, trusted_origin=upstream.origin)
    assert other.history == []


def test_fetch_follows_redirects_and_judges_each(upstream, start_upstream):
    inside = start_upstream()
    upstream.script(redirect("/y"), in_bytes(b"pixels", "image/png"), method="GET", path="")
    assert http.fetch(f"{upstream.origin}/x", limits=PATIENT, trusted_origin=upstream.origin)[0] == b"pixels"
    upstream.script(redirect(f"{inside.origin}/secret"), method="GET", path="")
    with pytest.raises(AddressRefused):
        http.fetch(f"{upstream.origin}/x", limits=PATIENT, trusted_origin=upstream.origin)
    assert inside.history == []


def test_fetch_takes_no_credential_to_another_origin(upstream, start_upstream):
    other = start_upstream()
    upstream.script(redirect(f"{other.origin}/x"), method="GET", path="/x")
    other.script(in_bytes(b"pixels", "image/png"), method="GET", path="/x")
    http.fetch(
        f"{upstream.origin}/x", limits=PATIENT, reach=Reach.CONFIGURED, headers={"Authorization": "Bearer secret"}
    )
    assert upstream.last.headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in other.last.headers


def test_fetch_does_not_run_in_circles(upstream):
    upstream.always(redirect("/x"), path="/x")
    with pytest.raises(ProviderError, match="redirects"):
        http.fetch(f"{upstream.origin}/x", limits=PATIENT, trusted_origin=upstream.origin)
    assert len(upstream.history) == 6


def test_fetch_refuses_error_pages(upstream):
    upstream.always(in_text("gone", 410), path="/x")
    with pytest.raises(ProviderError) as refused:
        http.fetch(f"{upstream.origin}/x", limits=PATIENT, trusted_origin=upstream.origin)
    assert refused.value.code == "fetch_failed"


# --- servers of this process ------------------------------------------------------------------------------------------


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def local_server():
    names, servers = set(), []

    def start():
        server = HTTPServer(("127.0.0.1", 0), _Hello)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)

        def stop():
            server.shutdown()
            server.server_close()
            servers.remove(server)

        return http.LocalServer(*server.server_address, stop)

    def answer(sender, host, **_more):
        return start if host in names else None

    http.local_server_wanted.connect(answer)
    yield names.add, servers
    http.local_server_wanted.disconnect(answer)


async def test_a_server_of_this_process_starts_with_its_first_call(ask, local_server, request):
    name, servers = local_server
    host = f"{request.node.callspec.id}.door-test.localhost"
    name(host)
    assert servers == []
    for _ in range(2):
        status, _headers, body = await ask("GET", f"http://{host}/v1/models?x=1", limits=PATIENT)
        assert (status, body) == (200, b"/v1/models?x=1")
    assert len(servers) == 1
    with pytest.raises((AddressRefused, NetworkError)):
        await ask("GET", f"http://{host}/", limits=PATIENT, reach=Reach.PUBLIC)
    await asyncio.to_thread(runtime.close)
    assert servers == []


def test_only_names_under_localhost_can_be_local(local_server):
    name, _servers = local_server
    for host, expected in (("own.localhost", True), ("own.localhost.example", False), ("other.localhost", False)):
        name(host.replace("other", "own"))
        assert local.is_local(f"http://{host}/v1") is expected


# --- its end ----------------------------------------------------------------------------------------------------------


def test_pools_end_with_their_event_loop(upstream):
    upstream.always(in_text("ok"), path="/x")
    for _ in range(2):
        asyncio.run(Faces.stream("GET", f"{upstream.origin}/x", limits=PATIENT))
    gc.collect()  # an unclosed session would be a ResourceWarning, and warnings are errors here


def test_requests_settings_of_the_machine_do_not_matter(upstream, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    upstream.always(in_text("ok"), path="/x")
    assert http.request("GET", f"{upstream.origin}/x", limits=PATIENT).text == "ok"
    assert requests.Session().trust_env  # what it would be otherwise
