"""Two nodes with one PostgreSQL and one Redis: nothing lost, doubled, or counted by one node alone."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.chat.talk import is_done
from tests.chat.test_processes import EMAIL, PASSWORD, RemoteSite
from tests.soak.clients.at_once import (
    BODY,
    PATIENCE,
    SERVERS,
    bearer,
    in_one_minute,
    limited_keys,
    post_at_once,
    talker_at,
    until,
)
from tests.soak.nodes.test_picture_processes import ended
from tests.soak.test_crowd import ONLY_CHATS, over
from tests.upstream import Gate, Reply
from tests.upstream.openai import chat

PIECES = 30
CHATS = 50
STARTS = 6
DRAWING = {"ENABLE_IMAGE_GENERATION": "true", "IMAGE_GENERATION_ENGINE": "openai"}
SAY = {"model": "tts-1", "input": "Good morning.", "voice": "alloy"}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


@pytest.mark.parametrize("server", SERVERS)
def test_a_reply_is_heard_piece_by_piece_and_stopped_at_both_nodes(two_nodes, upstream, server):
    first, second = two_nodes(server, **ONLY_CHATS)
    (here, tab), (there, other) = talker_at(first), talker_at(second)
    words = [f"word{number} " for number in range(PIECES)]
    gates = {number: Gate() for number in range(1, PIECES + 1)}
    upstream.answer(words, after=gates)
    started = here.start()
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]

    for word, gate in zip(words, gates.values(), strict=True):  # each reaches both tabs before the next is sent
        for listener in (tab, other):
            piece = listener.wait_for(lambda event: event["data"]["type"] == "chat:completion")
            assert piece["data"]["data"]["content"] == word
        gate.open()
    for listener in (tab, other):
        assert listener.until_done(message_id)["status"] == "done"
        told = [event["data"]["data"].get("content") for event in heard_once(listener, message_id)]
        assert [piece for piece in told if piece] == words
    assert heard_once(tab, message_id) == heard_once(other, message_id)

    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    message_id = here.say(chat_id, "And further?")["message"]["id"]
    other.wait_for(lambda event: event["message_id"] == message_id and event["data"]["type"] == "chat:completion")
    there.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/stop", status=202)
    for listener in (tab, other):
        assert listener.until_done(message_id)["status"] == "stopped"
        heard_once(listener, message_id)
    upstream.last.wait_closed()
    assert here.message(chat_id, message_id)["content"].strip() == "one"


@pytest.mark.parametrize("server", SERVERS)
def test_fifty_chats_at_both_nodes_are_heard_whole_by_both_tabs(two_nodes, upstream, server):
    first, second = two_nodes(server, **ONLY_CHATS)
    people = [talker_at(first), talker_at(second)]
    gate = Gate()
    upstream.always(chat("one two three", delay=0.05, after={0: gate}), path="/chat/completions")

    def listen_to_all(tab):
        ended = set()
        while len(ended) < CHATS:
            event = tab.next(PATIENCE)
            if is_done(event):
                ended.add(event["message_id"])

    with ThreadPoolExecutor(CHATS + len(people)) as threads:
        listening = [threads.submit(listen_to_all, tab) for _talker, tab in people]
        begun = list(threads.map(lambda number: people[number % 2][0].start(f"question {number}"), range(CHATS)))
        upstream.wait_for("/chat/completions", CHATS, timeout=PATIENCE)
        gate.open()
        for listener in listening:
            listener.result(PATIENCE)
    over(people[0][0], begun)
    for _talker, tab in people:
        tab.send({"type": "ping"})  # what was sent before it has been heard when it is answered
        tab.wait_for(lambda event: event["data"]["type"] == "pong")
        for started in begun:
            message_id = started["message"]["id"]
            events = heard_once(tab, message_id)
            assert Counter(map(is_done, events))[True] == 1
            assert tab.text_of(message_id) == "one two three"


@pytest.mark.parametrize("server", SERVERS)
def test_edits_and_revoked_keys_at_one_node_count_at_the_other(two_nodes, upstream, start_upstream, server):
    first, second = two_nodes(server)
    admin = RemoteSite(first).session()
    key = first.create_api_key(EMAIL)

    def call(node):
        return requests.post(f"{node.v1}/chat/completions", json=BODY, headers=bearer(key), timeout=PATIENCE)

    assert [call(node).status_code for node in (first, second)] == [200, 200]
    moved = start_upstream()
    form = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [moved.url],
        "OPENAI_API_KEYS": ["another-key"],
        "OPENAI_API_CONFIGS": {},
    }
    admin.post(f"{first.url}/openai/config/update", json=form, timeout=PATIENCE).raise_for_status()
    until(lambda: call(second).status_code == 200 and moved.chats)
    before = len(upstream.chats)
    assert [call(node).status_code for node in (second, first)] == [200, 200]
    assert len(upstream.chats) == before
    assert {one.key for one in moved.chats} == {"another-key"}

    page = admin.get(f"{first.url}/settings/keys", timeout=PATIENCE).text
    [address] = re.findall(r'action="(/settings/keys/\d+/revoke)"', page)
    admin.post(f"{first.url}{address}", timeout=PATIENCE).raise_for_status()
    until(lambda: call(second).status_code == 401)
    assert call(first).status_code == 401


@pytest.mark.parametrize("server", SERVERS)
def test_a_limit_of_twenty_lets_exactly_twenty_of_sixty_through(two_nodes, server):
    nodes = two_nodes(server)
    asking, counted = limited_keys(nodes, 20)
    urls = [f"{node.v1}/chat/completions" for node in nodes] * 30

    in_one_minute(30)
    answers = post_at_once(urls, BODY, bearer(counted))
    assert Counter(status for status, _content in answers) == {200: 20, 429: 40}
    assert [status for status, _content in post_at_once(urls[:2], BODY, bearer(asking))] == [200, 200]


@pytest.mark.parametrize("server", SERVERS)
def test_ten_pictures_asked_for_at_both_nodes_are_drawn_ten_times(two_nodes, upstream, server):
    nodes = two_nodes(server, **DRAWING, IMAGES_OPENAI_API_BASE_URL=upstream.url)
    headers = bearer(nodes[0].create_api_key(EMAIL))
    prompts = [f"a boat, {number}" for number in range(10)]

    def ask(number):
        url = f"{nodes[number % 2].url}/api/v1/images/jobs"
        answer = requests.post(url, json={"prompt": prompts[number]}, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    with ThreadPoolExecutor(10) as people:
        job_ids = list(people.map(ask, range(10)))
    with requests.Session() as client:
        client.headers.update(headers)
        jobs = [ended(client, nodes[number % 2], job_id) for number, job_id in enumerate(job_ids)]
        assert [(job["state"], len(job["files"])) for job in jobs] == [("succeeded", 1)] * 10
    assert sorted(one.json["prompt"] for one in upstream.asked("/images/generations")) == prompts

    # One wish that comes eight times, to both nodes at once, is one job.
    before = len(upstream.asked("/images/generations"))
    urls = [f"{node.url}/api/v1/images/generations" for node in nodes] * 4
    answers = post_at_once(urls, {"prompt": "a ship"}, {**headers, "Idempotency-Key": "one"})
    assert [status for status, _content in answers] == [200] * 8
    assert len({json.loads(content)[0]["url"] for _status, content in answers}) == 1
    assert len(upstream.asked("/images/generations")) == before + 1


@pytest.mark.parametrize("server", SERVERS)
def test_eight_equal_texts_are_spoken_once_and_kept_for_both_nodes(two_nodes, upstream, server):
    first, second = two_nodes(server)
    headers = bearer(first.create_api_key(EMAIL))
    gate = Gate()
    sound = b"sound" * 2000
    upstream.script(Reply(200, {"Content-Type": "audio/mpeg"}, before=[gate], steps=[sound]), path="/audio/speech")

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(post_at_once, [f"{first.v1}/audio/speech"] * 8, SAY, headers)
        gate.wait()
        gate.open()
        answers = asked.result(PATIENCE)
    answers += post_at_once([f"{second.v1}/audio/speech"] * 8, SAY, headers)
    assert answers == [(200, sound)] * 16
    assert len(upstream.asked("/audio/speech")) == 1


def test_six_first_starts_at_once_make_one_set_of_rows(server_process, empty_postgres_url, upstream):
    env = {
        "DATABASE_URL": empty_postgres_url,
        "SECRET_KEY": "one for all",
        "WEBUI_ADMIN_EMAIL": EMAIL,
        "WEBUI_ADMIN_PASSWORD": PASSWORD,
        "OPENAI_API_BASE_URLS": f"{upstream.url};{upstream.origin}/other/v1",
        "OPENAI_API_KEYS": "one;two",
        **DRAWING,
        "IMAGES_OPENAI_API_BASE_URL": upstream.url,
    }
    machines = [server_process(env=env) for _ in range(STARTS)]
    with ThreadPoolExecutor(STARTS) as threads:
        list(threads.map(lambda machine: machine.manage("bootstrap"), machines))
    made = rows_of(empty_postgres_url)

    assert (made["webui_user"], made["providers_connection"], made["imagegen_imageengine"]) == (1, 2, 1)
    machines[0].manage("bootstrap")
    assert rows_of(empty_postgres_url) == made


# --- what the tests share ---------------------------------------------------------------------------------------------


def heard_once(tab, message_id):
    """The numbered events of a message as a tab heard them: all of them, in order, none twice."""
    events = [event for event in tab.of(message_id) if event["seq"]]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    return events


def rows_of(database_url):
    """How many rows each table has."""
    import psycopg

    with psycopg.connect(database_url) as database:
        tables = [name for (name,) in database.execute(TABLES)]
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
