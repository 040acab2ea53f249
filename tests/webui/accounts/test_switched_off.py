"""Loss of access: when an account, key or right ends, its running work ends everywhere."""

import threading

import pytest
import requests
from django.contrib.auth.models import Group
from websockets.exceptions import ConnectionClosed

from imagegen import jobs
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers import services as provider_services
from providers.models import Access, ChatModel, ClientKey, Connection, RateLimit
from tests.chat.talk import Talker
from tests.people import make_key
from tests.upstream import Gate, Reply
from webui.accounts import services
from webui.models import User

PATIENCE = 15
CHAT = {"model": "m1", "messages": [{"role": "user", "content": "hello"}], "stream": True}


@pytest.fixture
def gate():
    """The gate that holds back the provider's answers. It opens at the end of the test."""
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def members(connection, alice):
    """The group of Alice, the only one that may use the connection."""
    group = Group.objects.create(name="Writers")
    alice.groups.add(group)
    connection.access = Access.GROUPS
    connection.save()
    connection.groups.add(group)
    return group


# --- ways to take something away: each gets Alice and the group ---


def switch_off(alice, members):
    services.set_active([alice], active=False)


def switch_off_by_update(alice, members):
    User.objects.filter(pk=alice.pk).update(is_active=False)


def delete(alice, members):
    alice.delete()


def delete_in_bulk(alice, members):
    User.objects.filter(pk=alice.pk).delete()


def leave_the_group(alice, members):
    alice.groups.remove(members)


def delete_the_group(alice, members):
    members.delete()


def close_the_connection(alice, members):
    row = Connection.objects.get()
    row.access = Access.PRIVATE
    row.save()


def close_the_model(alice, members):
    model = ChatModel.objects.get(public_id="m1")
    model.access = Access.PRIVATE
    model.save()


def leave_no_tokens(alice, members):
    RateLimit.objects.create(target="user", user=alice, tokens_day=0)


def revoke_the_key(alice, members):
    provider_services.revoke_key(ClientKey.objects.get())


def delete_the_key(alice, members):
    ClientKey.objects.get().delete()


def take_the_scope(alice, members):
    row = ClientKey.objects.get()
    row.scopes = ["images"]
    row.save()


def take_the_model(alice, members):
    row = ClientKey.objects.get()
    row.models = "gpt-*"
    row.save()


def allow_other_addresses_alone(alice, members):
    row = ClientKey.objects.get()
    row.addresses = "192.0.2.0/24"
    row.save()


def rotate_the_key(alice, members):
    provider_services.rotate_key(ClientKey.objects.get())


def change_the_password(alice, members):
    alice.set_password("another horse battery")
    alice.save()


PERSON = [switch_off, switch_off_by_update, delete, delete_in_bulk]
RIGHT = [leave_the_group, delete_the_group, close_the_connection, close_the_model, leave_no_tokens]
KEY = [
    revoke_the_key,
    delete_the_key,
    take_the_scope,
    take_the_model,
    allow_other_addresses_alone,
    rotate_the_key,
]
SESSION = [change_the_password]
ONE_OF_EACH = [switch_off, delete, leave_the_group, revoke_the_key]


def name_of(way):
    return getattr(way, "__name__", str(way))


# --- what runs ---


def heard(pieces, word):
    """The text of a stream up to and including this word."""
    text = ""
    while word not in text:
        text += next(pieces).decode()
    return text


def rest_of(pieces):
    """The remaining text of a stream, up to its end or to where the connection breaks."""
    text = ""
    try:
        for piece in pieces:
            text += piece.decode()
    except requests.RequestException:
        return text
    return text


@pytest.mark.parametrize(
    ("entrance", "way"),
    [*(("url", way) for way in [*PERSON, *RIGHT, *KEY]), *(("views_url", way) for way in ONE_OF_EACH)],
    ids=name_of,
)
def test_a_stream_of_the_gateway_ends(site, upstream, alice, members, gate, way, entrance):
    upstream.answer("one two three", after={1: gate})
    session = site.session(key=make_key(alice))
    with session.post(f"{getattr(site, entrance)}/v1/chat/completions", json=CHAT, stream=True) as response:
        pieces = response.iter_content(None)
        heard(pieces, "one")
        way(alice, members)
        upstream.last.wait_closed(PATIENCE)
        assert "two" not in rest_of(pieces)


@pytest.mark.parametrize("way", ONE_OF_EACH, ids=name_of)
def test_a_call_that_waits_for_its_first_byte_ends(site, upstream, alice, members, gate, way):
    upstream.script(Reply(before=[gate]))
    session = site.session(key=make_key(alice))
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(session.post(f"{site.url}/v1/chat/completions", json=CHAT)), daemon=True
    )
    waiting.start()
    received = upstream.wait_for("/chat/completions")
    way(alice, members)
    received.wait_closed(PATIENCE)
    waiting.join(PATIENCE)
    assert answers[0].status_code in (401, 403, 429)
    assert answers[0].json()["error"]["message"]


@pytest.mark.parametrize("way", [switch_off, delete, leave_the_group, change_the_password], ids=name_of)
def test_a_stream_of_a_browser_ends(site, upstream, alice, members, gate, way):
    upstream.answer("one two three", after={1: gate})
    session = site.session(alice)
    with session.post(f"{site.url}/openai/chat/completions", json=CHAT, stream=True) as response:
        heard(response.iter_content(None), "one")
        way(alice, members)
        upstream.last.wait_closed(PATIENCE)


@pytest.mark.parametrize("way", [switch_off, delete, leave_the_group, leave_no_tokens], ids=name_of)
def test_a_running_reply_ends(site, upstream, alice, members, gate, way):
    upstream.answer("one two three", after={1: gate})
    talker = Talker(site, alice)
    talker.start()
    received = upstream.wait_for("/chat/completions")
    way(alice, members)
    received.wait_closed(PATIENCE)


def test_a_reply_that_lost_its_model_says_so_and_keeps_its_text(site, upstream, alice, members, gate):
    upstream.answer("one two three", after={1: gate})
    talker = Talker(site, alice)
    tab = talker.listen()
    started = talker.start()
    tab.wait_for(lambda event: event["data"]["type"] == "chat:completion")
    leave_the_group(alice, members)
    done = tab.until_done(started["message"]["id"])
    assert done["status"] == "failed"
    assert "no longer use" in done["error"]["message"]
    assert talker.message(started["chat"]["id"], started["message"]["id"])["content"].strip() == "one"


@pytest.mark.parametrize("way", [*PERSON, *SESSION], ids=name_of)
def test_a_socket_closes_and_asks_for_a_sign_in(site, alice, members, way):
    tab = Talker(site, alice).listen()
    way(alice, members)
    with pytest.raises(ConnectionClosed) as closed:
        tab.wait_for(lambda event: False)
    assert closed.value.rcvd.code == 4401


def test_others_go_on(site, upstream, alice, bob, members, gate):
    bob.groups.add(members)
    upstream.answer("one two three", after={1: gate})
    tab = Talker(site, bob).listen()
    session = site.session(key=make_key(bob))
    with session.post(f"{site.url}/v1/chat/completions", json=CHAT, stream=True) as response:
        pieces = response.iter_content(None)
        heard(pieces, "one")
        other = make_key(alice)
        assert site.session(key=other).get(f"{site.url}/v1/models").status_code == 200
        switch_off(alice, members)
        assert site.session(key=other).get(f"{site.url}/v1/models").status_code == 401
        gate.open()
        assert "three" in rest_of(pieces)
    tab.send({"type": "ping"})
    tab.wait_for(lambda event: event["data"]["type"] == "pong")


# --- pictures ---


@pytest.fixture
def engine(members, upstream):
    row = ImageEngine.objects.create(name="Studio", kind="openai", url=upstream.url, model="gpt-image-2", secret="k")
    row.options = {"partial_images": 0}
    row.access = Access.GROUPS
    row.save()
    row.groups.add(members)
    image_settings = ImageSettings.load()
    image_settings.enabled = True
    image_settings.save()
    return row


def lose_the_engine(alice, members):
    ImageEngine.objects.get().groups.remove(members)


def lose_the_right_to_draw(alice, members):
    ImageSettings.load().groups.add(Group.objects.create(name="Painters"))


@pytest.mark.parametrize("way", [*PERSON, leave_the_group, lose_the_engine, lose_the_right_to_draw], ids=name_of)
def test_a_picture_that_is_drawn_ends(site, upstream, alice, members, engine, gate, way):
    upstream.script(Reply(before=[gate]), path="/images/generations")
    session = site.session(alice)
    made = session.post(f"{site.url}/api/v1/images/jobs", json={"prompt": "a red kite"})
    assert made.status_code == 202, made.text
    received = upstream.wait_for("/images/generations")
    way(alice, members)
    received.wait_closed(PATIENCE)


def draw_no_more(alice, members):
    row = ClientKey.objects.get()
    row.scopes = ["inference"]
    row.save()


@pytest.mark.parametrize("way", [revoke_the_key, delete_the_key, take_the_model, draw_no_more], ids=name_of)
def test_a_picture_of_a_key_ends_with_the_key(site, upstream, alice, members, engine, gate, way):
    ImageEngine.objects.update(model="dall-e-3")  # `take_the_model` leaves the others
    upstream.script(Reply(before=[gate]), path="/images/generations")
    session = site.session(key=make_key(alice, addresses="127.0.0.1\n::1"))
    made = session.post(f"{site.url}/api/v1/images/jobs", json={"prompt": "a red kite"})
    assert made.status_code == 202, made.text
    received = upstream.wait_for("/images/generations")
    assert ImageJob.objects.get().state == "running"
    way(alice, members)
    received.wait_closed(PATIENCE)
    assert jobs.wait_for(ImageJob.objects.get(), timeout=PATIENCE).state == "cancelled"


def test_pictures_that_wait_are_not_drawn_any_more(site, upstream, alice, members, engine, gate):
    upstream.script(Reply(before=[gate]), path="/images/generations")
    engine.concurrency = 1
    engine.save()
    session = site.session(alice)
    for number in range(3):
        session.post(f"{site.url}/api/v1/images/jobs", json={"prompt": f"kite {number}"})
    received = upstream.wait_for("/images/generations")
    switch_off(alice, members)
    received.wait_closed(PATIENCE)
    states = {jobs.wait_for(job, timeout=PATIENCE).state for job in ImageJob.objects.all()}
    assert states == {"cancelled"}
    assert len(upstream.asked("/images/generations")) == 1


# --- every process ---


def test_another_process_ends_what_runs_too(server_process, upstream, gate):
    """The processes share no Redis: the second one sees the change in the database."""
    env = {"WEBUI_DEMO": "false", "OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "upstream-key"}
    server = server_process(env=env).start()
    server.create_user("eve@example.com")
    key = {"Authorization": f"Bearer {server.create_api_key('eve@example.com')}"}
    requests.get(f"{server.url}/api/models?refresh=1", headers=key, timeout=PATIENCE)
    upstream.answer("one two three", after={1: gate})
    with requests.post(f"{server.v1}/chat/completions", json=CHAT, headers=key, stream=True, timeout=20) as response:
        heard(response.iter_content(None), "one")
        server.manage("shell", "-c", "from webui.models import User; User.objects.update(is_active=False)")
        upstream.asked("/chat/completions")[-1].wait_closed(PATIENCE)
