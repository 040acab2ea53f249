"""A provider that sends nothing but comments for longer than every pause may take, as OpenRouter does while it waits.

docs/upstreams/openrouter.md, “Stream”.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.chat.talk import Talker
from tests.chat.test_processes import EMAIL, RemoteSite
from tests.upstream import Pause, sse
from tests.upstream.openai import EVENTS

COMMENT = b": OPENROUTER PROCESSING\n\n"
SECONDS, BETWEEN = 70, 2
LIMIT = 8  # seconds without a byte after which a stream ends, and to the first one
PATIENCE = SECONDS + 45
ANSWER = "It was worth the wait."
BODY = {"model": "m1", "messages": [{"role": "user", "content": "Take your time."}], "stream": True}
LIMITS = {
    "AIOHTTP_CLIENT_TIMEOUT": str(LIMIT),
    "UPSTREAM_FIRST_BYTE_TIMEOUT": str(LIMIT),
    "ENABLE_TITLE_GENERATION": "false",
    "ENABLE_FOLLOW_UP_GENERATION": "false",
}


def at_last(_received):
    """A stream of comments, then of one frame with the answer."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": ANSWER}, "finish_reason": None}
    head = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1795000000, "model": "m1"}
    waits = [step for _ in range(SECONDS // BETWEEN) for step in (COMMENT, Pause(BETWEEN))]
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return sse(*waits, {**head, "choices": [choice]}, last).with_(headers=EVENTS)


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_an_answer_behind_a_minute_of_comments_arrives(server_process, environment, upstream, server):
    site = server_process(server=server, env={**environment, **LIMITS}).start()
    key = {"Authorization": f"Bearer {site.create_api_key(EMAIL)}"}
    talker = Talker(RemoteSite(site))
    upstream.always(at_last, path="/chat/completions")

    def by_lane():
        return requests.post(f"{site.v1}/chat/completions", json=BODY, headers=key, timeout=PATIENCE)

    def by_page(path):
        return talker.session.post(f"{site.url}{path}", json=BODY, timeout=PATIENCE)

    def by_chat():
        tab = talker.site.listen(talker)
        started = talker.start("Take your time.")
        end = tab.wait_for(
            lambda event: event["message_id"] == started["message"]["id"] and event["data"]["data"].get("done"),
            timeout=PATIENCE,
        )
        tab.close()
        return end["data"]["data"]["status"], talker.message(started["chat"]["id"], started["message"]["id"])

    with ThreadPoolExecutor(4) as callers:
        chat = callers.submit(by_chat)
        streams = [callers.submit(by_lane)]
        streams += [callers.submit(by_page, path) for path in ("/openai/chat/completions", "/api/chat/completions")]
        answers = [stream.result(PATIENCE) for stream in streams]
        status, message = chat.result(PATIENCE)

    for answer in answers:
        assert answer.status_code == 200
        assert ANSWER in answer.text
        assert answer.text.endswith("data: [DONE]\n\n")
        assert '"error"' not in answer.text
    assert (status, message["status"], message["content"]) == ("done", "done", ANSWER)
    assert [call.closed.is_set() for call in upstream.chats] == [False] * 4
    assert len(upstream.chats) == 4  # nobody asked twice
    assert "Traceback" not in site.log()
