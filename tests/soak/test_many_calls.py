"""Far more calls at the same moment than connections to the database, and providers that hang."""

import asyncio
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chat.test_processes import EMAIL, RemoteSite
from tests.soak.crowds import (
    BODY,
    PATIENCE,
    SERVERS,
    STREAMED,
    bearer,
    browser_headers,
    crowd,
    post_at_once,
    until,
)
from tests.upstream import Gate, Reply
from tests.upstream.openai import chat

CALLS = 300
POOL = 8  # connections to the database
HANGING, SLOW_PICTURES = 100, 60
PAGES = ("/", "/settings", "/settings/keys", "/images", "/sidebar", "/admin/", "/readyz", "/v1/models", "/api/v1/chats/")
PAGE_SECONDS = 5.0
DRAWING = {"ENABLE_IMAGE_GENERATION": "true", "IMAGE_GENERATION_ENGINE": "openai"}
USED = "SELECT status, count(*) FROM providers_usagerecord GROUP BY status"


@pytest.mark.parametrize("lane", ["true", "false"])
@pytest.mark.parametrize("server", SERVERS)
def test_three_hundred_calls_at_once_are_answered(server_process, environment, postgres_url, upstream, server, lane):
    import psycopg

    env = {**environment, "DATABASE_URL": postgres_url, "DATABASE_POOL_SIZE": str(POOL), "GATEWAY_LANE": lane}
    site = server_process(server=server, env=env).start()
    browser, key = RemoteSite(site).session(), site.create_api_key(EMAIL)
    ways = (
        ("/v1/chat/completions", BODY, bearer(key)),
        ("/v1/chat/completions", STREAMED, bearer(key)),
        ("/openai/chat/completions", STREAMED, browser_headers(browser)),
    )
    for number, (path, body, headers) in enumerate(ways, start=1):
        gate = Gate()
        upstream.always(chat("one two three", after={1: gate}), path="/chat/completions")
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(post_at_once, [f"{site.url}{path}"] * CALLS, body, headers)
            try:
                upstream.wait_for("/chat/completions", number * CALLS, timeout=PATIENCE)
            finally:
                gate.open()
            answers = asked.result(PATIENCE)
        assert Counter(status for status, _content in answers) == {200: CALLS}, path
        assert all(b"three" in content for _status, content in answers)
    assert site.stop() == 0
    assert "Traceback" not in site.log()
    with psycopg.connect(postgres_url) as database:
        assert database.execute(USED).fetchall() == [(200, len(ways) * CALLS)]


@pytest.mark.parametrize("server", SERVERS)
def test_pages_are_served_while_calls_hang_and_pictures_are_slow(server_process, environment, upstream, server):
    env = {**environment, **DRAWING, "IMAGES_OPENAI_API_BASE_URL": upstream.url}
    site = server_process(server=server, env=env).start()
    browser, key = RemoteSite(site).session(), site.create_api_key(EMAIL)
    gate = Gate()
    upstream.always(Reply(before=[gate]), method="POST")

    def ask(path, body, count):
        return threads.submit(post_at_once, [f"{site.url}{path}"] * count, body, bearer(key))

    with ThreadPoolExecutor(2) as threads:
        calls = ask("/v1/chat/completions", STREAMED, HANGING)
        pictures = ask("/api/v1/images/generations", {"prompt": "a boat"}, SLOW_PICTURES)
        try:
            upstream.wait_for("/chat/completions", HANGING, timeout=PATIENCE)
            upstream.wait_for("/images/generations", timeout=PATIENCE)
            for _round in range(3):
                for path in PAGES:
                    answer = browser.get(f"{site.url}{path}", timeout=PAGE_SECONDS)
                    assert answer.status_code == 200, path
        finally:
            gate.open()
        assert Counter(status for status, _content in calls.result(PATIENCE)) == {200: HANGING}
        told = Counter(status for status, _content in pictures.result(PATIENCE))
    print(told)
