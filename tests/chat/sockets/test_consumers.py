"""The WebSocket consumer: admission, invalid messages, and closing."""

import json

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from websockets.exceptions import ConnectionClosed

from chat import events
from chat.events import group_of
from tests.chat.talk import Listener, Talker
from tests.fixtures.process import ROOT


@pytest.fixture
def tab(site, alice):
    return Talker(site, alice).listen()


def error_of(tab):
    event = tab.next()
    assert event["data"]["type"] == "error", event
    return event["data"]["data"]


def test_nobody_gets_in_and_is_told_why(site):
    socket = site.socket(None)

    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(10)

    assert closed.value.rcvd.code == 4401


def test_another_sites_page_gets_no_socket(site, alice):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus):
        site.socket(alice, origin="https://evil.example")


def test_one_trouble_of_the_channel_layer_is_logged_once_a_minute(caplog, monkeypatch):
    for error in (ConnectionError(), ConnectionError(), TimeoutError(), TimeoutError()):
        events.log_trouble("A socket cannot be served: %s", error=error)
    assert caplog.messages == [f"A socket cannot be served: {name}" for name in ("ConnectionError", "TimeoutError")]
    monkeypatch.setattr(events, "LOG_SECONDS", 0.0)
    events.log_trouble("A socket cannot be served: %s", error=TimeoutError())
    assert len(caplog.messages) == 3


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("not json", "not_json"),
        ("[]", "no_type"),
        ("{}", "no_type"),
        ('{"type": 5}', "no_type"),
        ('{"type": "dance"}', "unknown_type"),
        ('{"type": "__class__"}', "unknown_type"),
        ('{"type": "resume"}', "message_not_found"),
        ('{"type": "stop", "message_id": ["x"]}', "message_not_found"),
        (json.dumps({"type": "ping", "padding": "x" * 5000}), "request_too_large"),
        (b"\x00\x01", "not_text"),
    ],
)
def test_nonsense_is_answered_and_the_socket_stays_open(tab, sent, code):
    tab.send(sent)

    assert error_of(tab)["code"] == code
    tab.send({"type": "ping"})
    assert tab.next()["data"]["type"] == "pong"


def test_an_unknown_type_is_named_with_those_that_are_known(tab):
    tab.send({"type": "dance"})

    assert error_of(tab)["detail"] == "Unknown type “dance”. Known: looking, resume, stop, ping."


def test_signing_out_closes_the_persons_socket(site, alice):
    talker = Talker(site, alice)
    cookie = talker.session.cookies["sessionid"]
    tab = Listener(site.socket(None, headers={"Cookie": f"sessionid={cookie}"}))
    other = talker.listen()

    answer = talker.session.post(f"{site.url}/accounts/logout/", timeout=10)

    assert answer.ok
    with pytest.raises(ConnectionClosed) as closed:
        tab.next()
    assert closed.value.rcvd.code == 4401
    other.send({"type": "ping"})
    assert other.next()["data"]["type"] == "pong"


def test_a_person_who_is_switched_off_is_not_heard_any_more(tab, alice):
    alice.is_active = False
    alice.save()

    tab.send({"type": "ping"})

    with pytest.raises(ConnectionClosed) as closed:
        tab.next()
    assert closed.value.rcvd.code == 4401


def test_a_closed_socket_leaves_its_group(site, alice, tab):
    async def members():
        return dict(get_channel_layer().groups).get(group_of(alice.pk), {})

    if not isinstance(get_channel_layer(), InMemoryChannelLayer):
        pytest.skip("only the channel layer in memory shows its groups")
    assert len(site.run(members())) == 1

    tab.close()
    Talker(site, alice).listen().close()  # comes after: what the first one left is gone by then

    assert len(site.run(members())) <= 1


def test_the_oldest_socket_of_a_person_gives_way_to_a_new_one(site, alice, bob, settings):
    settings.SOCKETS_PER_PERSON = 3
    talker = Talker(site, alice)
    other = Talker(site, bob).listen()
    tabs = [talker.listen() for _ in range(5)]
    for old in tabs[:2]:
        with pytest.raises(ConnectionClosed) as closed:
            old.wait_for(lambda event: False)
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4429, "too_many_sockets")
    for tab in [*tabs[2:], other]:
        tab.send({"type": "ping"})
        assert tab.next()["data"]["type"] == "pong"


@pytest.mark.parametrize(
    ("name", "bound"), [("SOCKETS_PER_PERSON", 20), ("SOCKETS_PER_ADDRESS", 200), ("SOCKET_MESSAGES_PER_SECOND", 20)]
)
def test_sockets_have_bounds_where_nobody_sets_any(name, bound, settings):
    assert getattr(settings, name) == bound
    assert f"# {name}={bound}" in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()


def test_the_twenty_first_socket_of_a_person_ends_the_first(site, alice):
    talker = Talker(site, alice)
    tabs = [talker.listen() for _ in range(21)]
    with pytest.raises(ConnectionClosed) as closed:
        tabs[0].wait_for(lambda event: False)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4429, "too_many_sockets")
    for tab in tabs[1:]:
        tab.send({"type": "ping"})
        assert tab.next()["data"]["type"] == "pong"


def test_a_socket_that_was_closed_counts_no_more(site, alice, settings):
    settings.SOCKETS_PER_PERSON = 2
    talker = Talker(site, alice)
    first = talker.listen()
    for _ in range(4):
        talker.listen().socket.close()
    first.send({"type": "ping"})
    assert first.next()["data"]["type"] == "pong"


def test_an_address_has_a_bound_too(site, alice, bob, settings):
    settings.SOCKETS_PER_ADDRESS = 1
    old = Talker(site, alice).listen()
    Talker(site, bob).listen()
    with pytest.raises(ConnectionClosed) as closed:
        old.wait_for(lambda event: False)
    assert closed.value.rcvd.reason == "too_many_sockets"


def test_a_socket_that_sends_without_end_is_closed_with_its_reason(tab):
    for _ in range(100):
        try:
            tab.send({"type": "ping"})
        except ConnectionClosed:
            break
    with pytest.raises(ConnectionClosed) as closed:
        tab.wait_for(lambda event: False)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4429, "too_many_messages")
