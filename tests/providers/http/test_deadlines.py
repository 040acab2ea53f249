"""Deadlines against slow servers: single bytes in a head or body extend no deadline."""

from itertools import repeat

import pytest
import requests

from providers import http
from providers.errors import ProviderError, UpstreamTimeout
from providers.http import Limits
from providers.process import waiting
from tests.upstream import Pause, Reply, frame, full_listener, in_json, silent_listener
from tests.upstream.dripping import DRIPPING, STREAM, drip, raw

SHORT = Limits(connect=5, first_byte=0.4, idle=0.4)
PATIENT = Limits(connect=5, first_byte=20, idle=20)

every = pytest.mark.parametrize("answer", DRIPPING.values(), ids=DRIPPING)


async def streamed(url, limits):
    async with http.stream("POST", url, headers={}, body=b"{}", limits=limits) as answer:
        return answer.status, await answer.read(2**20)


async def requested(url, limits):
    answer = await waiting.in_own_thread(http.request, "POST", url, data=b"{}", limits=limits)
    return answer.status, answer.content


async def streamed_in_a_thread(url, limits):
    def call():
        with http.stream_blocking("POST", url, data=b"{}", limits=limits) as answer:
            return answer.status, b"".join(answer.iter_bytes())

    return await waiting.in_own_thread(call)


faces = pytest.mark.parametrize("ask", [streamed, requested, streamed_in_a_thread])


@faces
@every
async def test_an_answer_that_drips_ends_at_its_limit(ask, upstream, answer):
    upstream.script(answer())
    with pytest.raises(UpstreamTimeout) as late:
        await ask(f"{upstream.origin}/x", SHORT)
    assert late.value.retryable


@pytest.mark.parametrize("ask", [streamed, streamed_in_a_thread])
@pytest.mark.parametrize("step", [frame({"a": 1}), b": keep-alive\n\n", b"\n", b"\r"], ids=repr)
async def test_a_stream_goes_on_with_frames_and_comments(ask, upstream, step):
    steps = drip(step, 30)
    upstream.script(Reply(headers=STREAM, steps=steps))
    assert (await ask(f"{upstream.origin}/x", SHORT))[1] == step * 30


@pytest.mark.parametrize("ask", [streamed, streamed_in_a_thread])
async def test_a_long_frame_may_take_longer_than_the_limit_between_steps(ask, upstream):
    upstream.script(Reply(headers=STREAM, steps=[b"data: ", *drip(b"x" * 600, 30), b"\n\n"]))
    assert len((await ask(f"{upstream.origin}/x", SHORT))[1]) == 6 + 600 * 30 + 2


@pytest.mark.parametrize("ask", [streamed, streamed_in_a_thread])
async def test_the_limit_for_all_of_a_call_ends_a_stream_of_frames(ask, upstream):
    upstream.script(Reply(headers=STREAM, steps=drip(frame({"a": 1}))))
    with pytest.raises(UpstreamTimeout):
        await ask(f"{upstream.origin}/x", Limits(first_byte=5, idle=5, total=0.5))


@pytest.mark.parametrize("ask", [streamed, streamed_in_a_thread])
@pytest.mark.parametrize("first_byte", [20, None])
async def test_the_limit_between_steps_holds_from_the_first_step_on(ask, upstream, first_byte):
    upstream.script(Reply(headers=STREAM, steps=[frame({"a": 1}), *drip(count=60)]))
    with pytest.raises(UpstreamTimeout):
        await ask(f"{upstream.origin}/x", Limits(first_byte=first_byte, idle=0.4))


async def test_time_that_a_reader_takes_is_not_the_servers(upstream):
    upstream.script(Reply(headers=STREAM, steps=repeat(b"data: x\n\n", 3)))
    async with http.stream("POST", f"{upstream.origin}/x", headers={}, limits=SHORT) as answer:
        assert await answer.read_some()
        await waiting.in_own_thread(waiting.sleep, 0.6)
        assert b"data" in b"data: x\n\n" + await answer.read(2**20)


def test_a_fetch_that_is_led_on_and_on_has_one_limit(upstream):
    def slow(_received):
        return Reply(302, {"Location": "/x"}, before=[Pause(0.2)])

    upstream.always(slow, path="/x", method="GET")
    with pytest.raises(UpstreamTimeout):
        http.fetch(f"{upstream.origin}/x", limits=Limits(total=0.5), trusted_origin=upstream.origin)


def test_a_request_that_is_not_sent_in_time_is_late_and_not_broken_off():
    with silent_listener() as url, pytest.raises(UpstreamTimeout):
        http.request("POST", url, data=b"x" * 50_000_000, limits=Limits(total=0.2))


# --- heads ------------------------------------------------------------------------------------------------------------

LONG = {"X-Long": "a" * 16_384}


@faces
async def test_a_head_may_have_lines_of_many_kilobytes(ask, upstream):
    upstream.script(in_json({"a": 1}, headers={"X-Long": "a" * 60_000}))
    assert await ask(f"{upstream.origin}/x", PATIENT) == (200, b'{"a": 1}')


BOTH = [
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n",
    b"content-length:0\r\nX-A: b\r\ntransfer-encoding:  Chunked\r\n",
]


@faces
@pytest.mark.parametrize("both", BOTH)
@pytest.mark.parametrize("pieces", [1, 7], ids=["at once", "in pieces"])
async def test_of_chunks_and_a_length_the_chunks_win(ask, upstream, both, pieces):
    data = b"HTTP/1.1 200 OK\r\n" + both + b"Connection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    size = -(-len(data) // pieces)
    steps = [step for at in range(0, len(data), size) for step in (data[at : at + size], Pause(0.02))]
    upstream.script(raw(steps))
    assert await ask(f"{upstream.origin}/x", PATIENT) == (200, b"hello world")


async def test_heads_of_every_kind_follow_each_other(upstream):
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(3):
        upstream.script(raw([head + b"2\r\nok\r\n0\r\n\r\n"]))
        assert await streamed(f"{upstream.origin}/x", PATIENT) == (200, b"ok")
        upstream.script(in_json({"a": 1}))
        assert await streamed(f"{upstream.origin}/x", PATIENT) == (200, b'{"a": 1}')


def test_a_websocket_may_be_opened_with_long_lines(upstream):
    upstream.script(in_json({"a": 1}, 403, LONG), path="/ws", method="GET")
    with pytest.raises(ProviderError) as refused, http.websocket(f"{upstream.origin}/ws"):
        pass
    assert refused.value.status == 403


# --- sessions of libraries --------------------------------------------------------------------------------------------


@pytest.fixture
def proxied(monkeypatch):
    """An environment with a proxy."""

    def name(proxy):
        for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, proxy)
            monkeypatch.setenv(variable.lower(), proxy)
        for variable in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(variable, raising=False)

    return name


by_scheme = pytest.mark.parametrize("scheme", ["http", "https"])


@by_scheme
@pytest.mark.parametrize("listener", [silent_listener, full_listener])
def test_a_proxy_that_says_nothing_ends_a_session_at_its_limit(scheme, listener, proxied):
    with listener() as origin, http.TimedSession(0.4) as session:
        proxied(origin)
        with pytest.raises(requests.RequestException, match="timed out"):
            session.get(f"{scheme}://login.example/x")


def test_a_proxy_that_drips_ends_a_session_at_its_limit(upstream, proxied):
    upstream.script(Reply(headers=STREAM, steps=drip(b"x")), path="/x", method="GET")
    proxied(upstream.origin)
    with http.TimedSession(0.4) as session, pytest.raises(requests.RequestException, match="timed out"):
        session.get("http://login.example/x")


def test_a_session_goes_through_the_proxy_that_is_named(upstream, proxied):
    upstream.script(in_json({"a": 1}), path="/x", method="GET")
    proxied(upstream.origin)
    with http.TimedSession(20) as session:
        assert session.get("http://login.example/x").json() == {"a": 1}
