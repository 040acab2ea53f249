"""A hundred chats that are written at the same moment into a SQLite file, which takes one writer at a time."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.chat.talk import Talker
from tests.chat.test_processes import RemoteSite
from tests.upstream import Gate
from tests.upstream.openai import chat

CHATS = 100
PATIENCE = 60
ONLY_CHATS = {"ENABLE_TITLE_GENERATION": "false", "ENABLE_FOLLOW_UP_GENERATION": "false"}  # they ask the upstream too


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_a_hundred_chats_at_once_lose_nothing_in_sqlite(server_process, environment, upstream, server):
    site = server_process(server=server, env={**environment, **ONLY_CHATS}).start()
    talker = Talker(RemoteSite(site))
    gate = Gate()
    upstream.always(chat("one two three", after={1: gate}), path="/chat/completions")

    with ThreadPoolExecutor(CHATS) as people:
        begun = list(people.map(lambda number: talker.start(f"question {number}"), range(CHATS)))
        upstream.wait_for("/chat/completions", CHATS, timeout=PATIENCE)
        gate.open()  # and all replies are written and ended together
        over(talker, begun)
        chat_ids = [started["chat"]["id"] for started in begun]
        again = list(people.map(lambda chat_id: talker.say(chat_id, "and further?"), chat_ids))
        over(talker, [{"chat": {"id": id}, **said} for id, said in zip(chat_ids, again, strict=True)])

    for number, chat_id in enumerate(chat_ids):
        said = [message["content"] for message in talker.chat(chat_id)["messages"]]
        assert said == [f"question {number}", "one two three", "and further?", "one two three"]
    assert site.stop() == 0
    with closing(sqlite3.connect(site.data_dir / "db.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [(calls,)] = database.execute("SELECT COUNT(*) FROM providers_usagerecord WHERE status = 200").fetchall()
    assert calls == 2 * CHATS
    assert "locked" not in site.log()
    assert "Traceback" not in site.log()


def over(talker, begun):
    """Return once every reply has ended as it should."""
    ended = [talker.until_over(one["chat"]["id"], one["message"]["id"]) for one in begun]
    assert {message["status"] for message in ended} == {"done"}
