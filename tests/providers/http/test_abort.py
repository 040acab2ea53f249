"""`Abort`: it ends a blocking call from another thread, and the server sees the disconnect."""

import contextlib
import socket
import threading

import pytest

from providers import http
from providers.errors import NetworkError
from tests.upstream import Gate, Reply, Upstream, silent_listener
from tests.upstream.tls import server_context

LIMITS = http.Limits()


def call_in_thread(*args, **options) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            http.request(*args, **options)
        except NetworkError as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, raised


@pytest.fixture
def server():
    with Upstream() as upstream:
        yield upstream


@pytest.mark.parametrize("steps", ["before the status line", "in mid-body"])
def test_fire_wakes_a_waiting_call_and_the_server_sees_it(server, steps):
    gate = Gate()
    server.script(Reply(before=[gate]) if steps.startswith("before") else Reply(steps=[b"x" * 1000, gate]))
    abort = http.Abort()
    thread, raised = call_in_thread("POST", server.url + "/x", json={}, limits=LIMITS, abort=abort)
    gate.wait()

    abort.fire()

    thread.join(10)
    assert not thread.is_alive()
    assert raised
    server.last.wait_closed()


def test_fire_wakes_a_call_over_tls_too(tmp_path):
    """The server uses plain sockets: asyncio's TLS transports do not always notice such an end."""
    context, authority = server_context(tmp_path)
    asked, left = threading.Event(), threading.Event()

    def serve() -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            asked.set()
            with contextlib.suppress(OSError):  # an end without TLS's own goodbye is an error to some versions
                while connection.recv(65536):
                    pass
            left.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, daemon=True)
        server.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        abort = http.Abort()
        thread, raised = call_in_thread("GET", url, limits=LIMITS, tls=http.Tls(ca_file=str(authority)), abort=abort)
        assert asked.wait(10)

        abort.fire()

        thread.join(10)
        server.join(10)
    assert raised
    assert left.is_set()


def test_a_call_under_a_fired_handle_fails():
    abort = http.Abort()
    abort.fire()

    with silent_listener() as origin, pytest.raises(NetworkError):
        http.request("POST", origin, json={}, limits=LIMITS, abort=abort)


def test_fetch_can_be_ended_too():
    with silent_listener() as origin:
        abort = http.Abort()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                http.fetch(origin, limits=LIMITS, reach=http.Reach.CONFIGURED, abort=abort)
            except NetworkError as error:
                raised.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        abort.fire()
        thread.join(10)
        assert raised


def test_firing_after_the_answer_is_harmless(server):
    server.script(Reply(body=b"fine"))
    abort = http.Abort()

    answer = http.request("POST", server.url + "/x", json={}, limits=LIMITS, abort=abort)
    abort.fire()

    assert answer.content == b"fine"
