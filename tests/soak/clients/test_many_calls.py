"""Far more calls at the same moment than connections to the database, and providers that hang."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.chat.test_processes import EMAIL, RemoteSite
from tests.soak.clients.at_once import (
    BODY,
    PATIENCE,
    SERVERS,
    STREAMED,
    bearer,
    browser_headers,
    post_at_once,
    until,
)
from tests.upstream import Gate
from tests.upstream.openai import chat
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

CALLS = 300
POOL = 8  # connections to the database
ANOTHER = "painter@example.com"
HANGING, PICTURES, PAINTERS = 100, 30, (EMAIL, ANOTHER)
PAGES = (
    "/",
    "/settings",
    "/settings/keys",
    "/images",
    "/sidebar",
    "/admin/",
    "/readyz",
    "/v1/models",
    "/api/v1/chats/",
)
PAGE_SECONDS = 5.0
DRAWING = {"ENABLE_IMAGE_GENERATION": "true", "IMAGE_GENERATION_ENGINE": "openai"}
OPEN_JOBS = "SELECT count(*) FROM imagegen_imagejob WHERE state IN ('queued', 'running')"
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
    site.create_user(ANOTHER)
    gate = Gate()
    upstream.always(chat("one two", before=[gate]), path="/chat/completions")
    upstream.always(drawn(png(8, 8)).with_(before=[gate]), path="/images/generations")

    def ask(path, body, count, key):
        return threads.submit(post_at_once, [f"{site.url}{path}"] * count, body, bearer(key))

    with ThreadPoolExecutor(1 + len(PAINTERS)) as threads:
        asked = [ask("/v1/chat/completions", STREAMED, HANGING, key)]
        for email in PAINTERS:  # each has at most 50 pictures open
            prompt = {"prompt": "a boat"}
            asked.append(ask("/api/v1/images/generations", prompt, PICTURES, site.create_api_key(email)))
        try:
            upstream.wait_for("/chat/completions", HANGING, timeout=PATIENCE)
            upstream.wait_for("/images/generations", timeout=PATIENCE)
            until(lambda: open_jobs(site) == len(PAINTERS) * PICTURES)
            for path in PAGES * 3:
                answer = browser.get(f"{site.url}{path}", timeout=PAGE_SECONDS)
                assert answer.status_code == 200, path
        finally:
            gate.open()
        told = [Counter(status for status, _content in answers.result(PATIENCE)) for answers in asked]
    assert told == [{200: HANGING}, *({200: PICTURES} for _painter in PAINTERS)]
    assert "Traceback" not in site.log()


def open_jobs(site):
    with closing(sqlite3.connect(site.data_dir / "db.sqlite3")) as database:
        return database.execute(OPEN_JOBS).fetchone()[0]
