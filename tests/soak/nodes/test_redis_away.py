"""Redis goes, or says nothing for a while: no call fails, limits hold in each process, and sockets hear again."""

import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from tests.chat.talk import is_done
from tests.chat.test_processes import EMAIL
from tests.fixtures.need import require
from tests.soak.clients.at_once import (
    BODY,
    PATIENCE,
    SERVERS,
    STREAMED,
    bearer,
    in_one_minute,
    limited_keys,
    post_at_once,
    talker_at,
    until,
)
from tests.soak.test_crowd import ONLY_CHATS
from tests.upstream import Gate, unused_port

OUTAGES = {"away": 10.0, "asleep": 4.0}  # seconds
PAUSE = 0.05  # between two calls of a caller: the machine is for others, too


class PrivateRedis:
    """A Redis of the test's own, which can end, begin anew, and sleep."""

    def __init__(self, folder):
        require(shutil.which("redis-server"), "no redis-server here (Debian: apt-get install redis-server)")
        self.port = unused_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self.command += ["--save", "", "--logfile", str(folder / "redis.log")]
        self.process = None

    def start(self):
        import redis

        self.process = subprocess.Popen(self.command)
        with redis.Redis.from_url(self.url) as client:
            until(lambda: answers(client))

    def end(self):
        self.process.kill()
        self.process.wait()

    def begin(self, how):
        """Begin an outage."""
        if how == "away":
            self.end()
        else:
            self.process.send_signal(signal.SIGSTOP)

    def finish(self, how):
        """End the outage."""
        if how == "away":
            self.start()
        else:
            self.process.send_signal(signal.SIGCONT)


def answers(client):
    import redis

    try:
        return client.ping()
    except redis.RedisError:
        return False


@pytest.fixture
def own_redis(tmp_path):
    server = PrivateRedis(tmp_path)
    server.start()
    yield server
    server.end()


class Callers:
    """Programs and pages that call all nodes again and again until the block ends; `outcomes` counts what they got."""

    def __init__(self, nodes, key, session):
        self.outcomes = []  # of each caller
        self.ending = threading.Event()
        browser = {name: session.headers[name] for name in ("X-CSRFToken", "Referer")}
        calls = [
            call
            for node in nodes
            for call in (
                partial(requests.post, f"{node.v1}/chat/completions", json=BODY, headers=bearer(key)),
                partial(requests.post, f"{node.v1}/chat/completions", json=STREAMED, headers=bearer(key)),
                partial(
                    requests.post,
                    f"{node.url}/openai/chat/completions",
                    json=STREAMED,
                    headers=browser,
                    cookies=session.cookies,
                ),
                partial(requests.get, node.url, cookies=session.cookies, allow_redirects=False),
            )
        ]
        self.threads = ThreadPoolExecutor(len(calls))
        for call in calls:
            self.outcomes.append(Counter())
            self.threads.submit(self._go_on, call, self.outcomes[-1])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.ending.set()
        self.threads.shutdown()

    def _go_on(self, call, outcomes):
        is_stream = (call.keywords.get("json") or {}).get("stream")
        while not self.ending.wait(PAUSE):
            try:
                answer = call(timeout=PATIENCE)
            except requests.RequestException as error:
                outcomes[type(error).__name__] += 1
            else:
                is_cut = is_stream and not answer.text.endswith("data: [DONE]\n\n")
                outcomes["cut off" if is_cut else answer.status_code] += 1


@pytest.mark.parametrize("how", OUTAGES)
@pytest.mark.parametrize("server", SERVERS)
def test_no_call_fails_without_redis_and_sockets_hear_again(two_nodes, own_redis, upstream, server, how):
    nodes = two_nodes(server, REDIS_URL=own_redis.url, **ONLY_CHATS)
    _asking, limited = limited_keys(nodes, 20)
    (here, tab), (_there, other) = map(talker_at, nodes)
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    started = here.start()
    message_id = started["message"]["id"]
    gate.wait()
    in_one_minute(20)
    with Callers(nodes, nodes[0].create_api_key(EMAIL), here.session) as callers:
        until(lambda: all(callers.outcomes))

        own_redis.begin(how)
        back = time.monotonic() + OUTAGES[how]
        for node in nodes:
            burst = post_at_once([f"{node.v1}/chat/completions"] * 30, BODY, bearer(limited))
            assert Counter(status for status, _content in burst) == {200: 20, 429: 10}  # of each node, for now
        gate.open()
        assert here.until_over(started["chat"]["id"], message_id)["status"] == "done"
        time.sleep(max(0.0, back - time.monotonic()))
        own_redis.finish(how)

        for listener in (tab, other):  # the end of what ended meanwhile is told
            listener.wait_for(lambda event: event["message_id"] == message_id and is_done(event), PATIENCE)
        again = here.start("And now?")["message"]["id"]
        for listener in (tab, other):
            listener.wait_for(lambda event: event["message_id"] == again and is_done(event), PATIENCE)
            assert listener.text_of(again) == "You said: And now?"
    print(f"{server}, {how}: {callers.outcomes}")
    assert {outcome for outcomes in callers.outcomes for outcome in outcomes} == {200}
    assert "Traceback" not in nodes[0].log()
