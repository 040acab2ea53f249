"""Loss of access in another process: what one process takes away ends what runs in a second one.

The processes share the database and no Redis. Each person has an answer, a picture, a call with a key and a socket
under way; then a process of its own takes one thing from each, and one person keeps everything.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import requests
from websockets.exceptions import ConnectionClosed

from tests.chat.talk import Listener, Talker
from tests.chat.test_processes import RemoteSite
from tests.upstream import Gate, Reply, openai

PATIENCE = 15
SETUP = """
from django.contrib.auth.models import Group
from imagegen.models import ImageEngine, ImageSettings
from providers.models import Connection
from tests import people
writers = Group.objects.create(name="Writers")
Connection.objects.update(access="groups")
connection = Connection.objects.get()
connection.groups.add(writers)
engine = ImageEngine.objects.create(
    name="Studio", kind="openai", url=connection.base_url, model="gpt-image-2", secret="k", access="groups",
    options={{"partial_images": 0}}, concurrency=20,
)
engine.groups.add(writers)
ImageSettings.load()
ImageSettings.objects.update(enabled=True)
for name in {names}:
    print("KEY", people.make_key(people.make_user(name, groups=("Writers",))))
"""
IMPORTS = """
from django.contrib.auth.models import Group
from imagegen.models import ImageEngine
from providers import services as provider_services
from providers.models import ClientKey, RateLimit
from webui.accounts import services
from webui.models import User
def person(name):
    return User.objects.get(name=name)
"""


class Way(NamedTuple):
    """What is taken from whoever has this name, as a program, and what of theirs ends."""

    program: str
    ends: tuple[str, ...]


EVERYTHING = ("answer", "picture", "call", "socket")
WAYS = {
    "Off": Way("services.set_active([person('Off')], active=False)", EVERYTHING),
    "Updated": Way("User.objects.filter(name='Updated').update(is_active=False)", EVERYTHING),
    "Deleted": Way("person('Deleted').delete()", EVERYTHING),
    "Left": Way("person('Left').groups.clear()", ("answer", "picture", "call")),
    "Spent": Way("RateLimit.objects.create(target='user', user=person('Spent'), tokens_day=0)", ("answer", "call")),
    "Keyless": Way("provider_services.revoke_key(ClientKey.objects.get(user__name='Keyless'))", ("call",)),
    "Renewed": Way("p = person('Renewed'); p.set_password('another horse battery'); p.save()", ("socket",)),
    "Stays": Way("", ()),
}


class Work(NamedTuple):
    """What runs of one person."""

    name: str
    tab: Listener
    stream: Iterator[bytes]


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def server(server_process: Callable[..., Any], upstream: Any) -> Any:
    env = {"WEBUI_DEMO": "false", "OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "upstream-key"}
    return server_process(env=env).start()


def begin(server: Any, name: str, key: str) -> Work:
    site = RemoteSite(server)
    talker = Talker(site, f"{name.lower()}@example.com")
    tab = site.listen(talker)
    talker.start(f"answer for {name}")
    made = talker.session.post(f"{server.url}/api/v1/images/jobs", json={"prompt": f"picture for {name}"}, timeout=20)
    assert made.status_code == 202, made.text
    chat = {"model": "m1", "messages": [{"role": "user", "content": f"call for {name}"}], "stream": True}
    head = {"Authorization": f"Bearer {key}"}
    response = requests.post(f"{server.v1}/chat/completions", json=chat, headers=head, stream=True, timeout=20)
    assert response.status_code == 200, response.text
    stream = response.iter_content(None)
    next(stream)
    return Work(name, tab, stream)


def received(upstream: Any, words: str) -> Any:
    """The request of the upstream with these words, once it is there."""
    upstream.wait_for("/images/generations" if words.startswith("picture") else "/chat/completions", len(WAYS))
    return next(asked for asked in upstream.history if words.encode() in asked.body)


def is_closed(tab: Listener) -> bool:
    try:
        tab.send({"type": "ping"})
        tab.wait_for(lambda event: event["data"]["type"] == "pong")
    except ConnectionClosed:
        return True
    return False


def test_what_is_taken_by_one_process_ends_what_runs_in_another(server, upstream, gate):
    upstream.always(openai.chat("one two three", after={1: gate}), path="/chat/completions")
    upstream.always(Reply(before=[gate]), path="/images/generations")
    made = server.manage("shell", "-v", "0", "-c", SETUP.format(names=list(WAYS))).stdout
    keys = [line.split()[1] for line in made.splitlines() if line.startswith("KEY ")]
    works = [begin(server, name, key) for name, key in zip(WAYS, keys, strict=True)]
    running = {(what, name): received(upstream, f"{what} for {name}") for name in WAYS for what in EVERYTHING[:3]}
    assert not any(asked.closed.is_set() for asked in running.values())

    server.manage("shell", "-v", "0", "-c", IMPORTS + "\n".join(way.program for way in WAYS.values()))

    for name, way in WAYS.items():
        for what in way.ends:
            if what != "socket":
                running[what, name].wait_closed(PATIENCE)
    still = {(what, name) for (what, name), asked in running.items() if not asked.closed.is_set()}
    assert still == {(what, name) for name, way in WAYS.items() for what in EVERYTHING[:3] if what not in way.ends}
    assert {work.name for work in works if is_closed(work.tab)} == {
        name for name, way in WAYS.items() if "socket" in way.ends
    }
    gate.open()
    assert b"three" in b"".join(works[-1].stream)
