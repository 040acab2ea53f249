"""The WebSocket client: messages in both directions, address policy, limits, errors."""

import threading

import pytest

from providers import http
from providers.errors import AddressRefused, NetworkError, ProviderError, UpstreamTimeout
from providers.http import Limits, Reach, Tls
from tests.upstream import in_html, in_text, silent_listener, unused_port
from tests.upstream.tls import server_context


def url(upstream) -> str:
    return f"{upstream.origin}/ws?clientId=me"


def test_messages_go_both_ways_with_our_headers_and_without_an_origin(upstream):
    with http.websocket(url(upstream), headers={"Authorization": "Bearer k"}) as socket:
        assert '"sid": "me"' in socket.receive(5)
        socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        assert "feature_flags" in socket.receive(5)
        assert socket.receive(0.01) is None
    (asked,) = upstream.history
    asked.wait_done()
    assert asked.headers["Authorization"] == "Bearer k"
    assert "Origin" not in asked.headers
    assert "Sec-WebSocket-Extensions" not in asked.headers


def test_a_lost_connection_is_a_network_error(upstream):
    with http.websocket(url(upstream)) as socket:
        socket.receive(5)
        upstream.comfyui.drop_sockets()
        with pytest.raises(NetworkError):
            socket.receive(5)


def test_a_server_that_ends_is_a_network_error(upstream):
    with http.websocket(url(upstream)) as socket:
        socket.receive(5)
        upstream.stop()
        with pytest.raises(NetworkError):
            socket.receive(5)


@pytest.mark.parametrize(
    ("answer", "status"), [(in_text("go away", 403), 403), (in_html(502), 502), (in_text("hi"), 502)]
)
def test_an_answer_that_is_no_websocket_is_told_with_its_status(upstream, answer, status):
    upstream.script(answer, path="/ws", method="GET")
    with pytest.raises(ProviderError) as caught, http.websocket(url(upstream)):
        pass
    assert (caught.value.code, caught.value.status) == ("websocket_refused", status)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_nobody_there(scheme):
    with (
        pytest.raises(NetworkError, match="nothing answers"),
        http.websocket(f"{scheme}://127.0.0.1:{unused_port()}/ws"),
    ):
        pass


def test_an_unknown_host():
    with pytest.raises(NetworkError, match="host name"), http.websocket("http://nowhere.invalid/ws"):
        pass


def test_an_address_that_is_none():
    for address in ("", "ftp://example.com/", "http://", "hello"):
        with pytest.raises(AddressRefused), http.websocket(address):
            pass


def test_a_server_that_never_answers_is_too_slow():
    with (
        silent_listener() as origin,
        pytest.raises(UpstreamTimeout),
        http.websocket(f"{origin}/ws", limits=Limits(connect=0.2)),
    ):
        pass


def test_private_addresses_are_refused_unless_configured_or_trusted(upstream):
    with pytest.raises(AddressRefused), http.websocket(url(upstream), reach=Reach.PUBLIC):
        pass
    assert upstream.history == []
    with http.websocket(url(upstream), reach=Reach.PUBLIC, trusted_origin=upstream.origin) as socket:
        assert socket.receive(5)


def test_a_message_above_the_limit_is_told_as_one(upstream):
    with http.websocket(url(upstream), limits=Limits(max_bytes=10)) as socket, pytest.raises(ProviderError) as caught:
        socket.receive(5)
    assert caught.value.code == "answer_too_large"


def test_an_abort_wakes_who_waits(upstream):
    abort = http.Abort()
    with http.websocket(url(upstream), abort=abort) as socket:
        socket.receive(5)
        threading.Timer(0.05, abort.fire).start()
        with pytest.raises(NetworkError):
            socket.receive(20)
    abort = http.Abort()
    abort.fire()
    with pytest.raises(NetworkError), http.websocket(url(upstream), abort=abort):
        pass


def test_certificates_are_checked_as_everywhere(start_upstream, tmp_path):
    context, ca_file = server_context(tmp_path)
    server = start_upstream(tls=context)
    with pytest.raises(NetworkError, match="certificate"), http.websocket(url(server)):
        pass
    for tls in (Tls(ca_file=str(ca_file)), Tls(verify=False)):
        abort = http.Abort()
        with http.websocket(url(server), tls=tls, abort=abort) as socket:
            assert socket.receive(5)
            abort.fire()
            with pytest.raises(NetworkError):
                socket.receive(5)
