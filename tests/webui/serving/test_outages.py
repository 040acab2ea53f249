"""Outages of the site's own stores: a 503 at once, recovery without a restart, and no blame for a provider."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

EMAIL, PASSWORD = "admin@example.com", "correct horse battery"
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
PATIENCE = 30
WAITING = """
    SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE NOT granted AND datname = current_database()
"""
SERVERS = ["daphne", "uvicorn"]


@pytest.fixture
def environment(upstream):
    return {
        "WEBUI_DEMO": "false",
        "WEBUI_ADMIN_EMAIL": EMAIL,
        "WEBUI_ADMIN_PASSWORD": PASSWORD,
        "OPENAI_API_KEYS": "k",
        "OPENAI_API_BASE_URLS": upstream.url,
    }


def signed_in(site):
    session = requests.Session()
    page = session.get(f"{site.url}/accounts/login/", timeout=PATIENCE)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    form = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token}
    session.headers["Referer"] = site.url
    session.post(f"{site.url}/accounts/login/", data=form, allow_redirects=False, timeout=PATIENCE)
    session.get(f"{site.url}/api/models?refresh=1", timeout=PATIENCE).raise_for_status()
    return session


@pytest.mark.parametrize("server", SERVERS)
def test_a_database_that_goes_and_comes_back(server_process, environment, postgres_url, wire, server):
    line = wire(postgres_url)
    site = server_process(server=server, env={**environment, "DATABASE_URL": line.url(postgres_url)}).start()
    browser = signed_in(site)
    key = {"Authorization": f"Bearer {site.create_api_key(EMAIL)}"}

    def call(headers=key):
        return requests.post(f"{site.url}/v1/chat/completions", json=BODY, headers=headers, timeout=PATIENCE)

    def page(path="/"):
        return browser.get(site.url + path, timeout=PATIENCE)

    assert (call().status_code, page().status_code, page("/readyz").status_code) == (200, 200, 200)

    # Started anew between two requests: every kept connection is dead, and nobody notices.
    line.restart()
    assert [(call().status_code, page().status_code, page("/api/v1/chats/").status_code) for _ in range(8)] == [
        (200, 200, 200)
    ] * 8

    line.cut()
    shown = page()
    assert (shown.status_code, shown.headers["Content-Type"].partition(";")[0]) == (503, "text/html")
    assert int(shown.headers["Retry-After"]) > 0
    listed = page("/api/v1/chats/")
    assert (listed.status_code, listed.json()["code"]) == (503, "database_unavailable")
    assert int(listed.headers["Retry-After"]) > 0
    unknown = call({"Authorization": "Bearer sk-nobody-knows-this-key"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (503, "database_unavailable")
    assert int(unknown.headers["Retry-After"]) > 0
    assert call().status_code == 200  # who calls is known, and nothing else of the database is needed
    ready = page("/readyz")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "the database does not answer")
    for _ in range(20):
        assert page().status_code == 503
    assert site.log().count("pool: The database does not answer") == 1
    assert "Traceback" not in site.log()

    line.mend()
    until_ready(site)
    assert (call().status_code, page().status_code) == (200, 200)


@pytest.mark.parametrize("server", ["daphne"])
def test_a_used_up_pool_says_when_to_come_again(server_process, environment, postgres_url, server):
    import psycopg

    env = {**environment, "DATABASE_URL": postgres_url, "DATABASE_POOL_SIZE": "2"}  # one of them for requests
    site = server_process(server=server, env=env).start()
    browser = signed_in(site)
    key = {"Authorization": f"Bearer {site.create_api_key(EMAIL)}"}

    def page(path="/"):
        return requests.get(site.url + path, cookies=browser.cookies, timeout=PATIENCE)

    def call():
        return requests.post(f"{site.url}/v1/chat/completions", json=BODY, headers=key, timeout=PATIENCE)

    assert call().status_code == 200
    with ThreadPoolExecutor(3) as threads, psycopg.connect(postgres_url) as writer:
        writer.execute("LOCK TABLE django_session")
        first = threads.submit(page)  # has the connection until the lock is gone
        while not writer.execute(WAITING).fetchall():
            threading.Event().wait(0.05)
        shown, listed = threads.map(page, ["/", "/api/v1/chats/"])
        assert (shown.status_code, shown.headers["Content-Type"].partition(";")[0]) == (503, "text/html")
        assert (listed.status_code, listed.json()["code"]) == (503, "database_busy")
        assert [int(answer.headers["Retry-After"]) > 0 for answer in (shown, listed)] == [True, True]
        assert call().status_code == 200  # who calls is known, and the site's own work has a connection
        writer.rollback()
        assert first.result(PATIENCE).status_code == 200
    assert (page().status_code, page("/api/v1/chats/").status_code) == (200, 200)
    assert "Traceback" not in site.log()


def opens_socket(site, browser):
    """A function that opens a socket of this browser's person."""
    headers = {"Cookie": f"sessionid={browser.cookies['sessionid']}"}
    address = f"ws{site.url[4:]}/ws/events"
    return partial(connect, address, additional_headers=headers, origin=site.url, open_timeout=PATIENCE)


def answers(open_socket):
    """Whether a socket answers; one that is told to come again later does not."""
    with open_socket() as socket:
        try:
            socket.send('{"type": "ping"}')
            return "pong" in socket.recv(PATIENCE)
        except ConnectionClosed as closed:
            threading.Event().wait(0.1)
            if "1013" not in str(closed):
                raise
            return False


def until_ready(site):
    pause = threading.Event()
    for _attempt in range(100):
        if requests.get(f"{site.url}/readyz", timeout=PATIENCE).status_code == 200:
            return
        pause.wait(0.1)
    pytest.fail(f"not ready again:\n{site.log()}")


@pytest.mark.parametrize("server", ["uvicorn"])
def test_a_probe_answers_while_the_database_hangs(server_process, environment, postgres_url, wire, server):
    line = wire(postgres_url)
    site = server_process(server=server, env={**environment, "DATABASE_URL": line.url(postgres_url)}).start()
    until_ready(site)
    line.hang()
    for _ in range(2):
        ready = requests.get(f"{site.url}/readyz", timeout=PATIENCE)
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "no answer within 2 s")
    assert requests.get(f"{site.url}/healthz", timeout=PATIENCE).status_code == 200
    line.flow()
    until_ready(site)


@pytest.mark.parametrize("server", ["uvicorn"])
def test_a_socket_opened_while_redis_is_away_is_told_so(server_process, environment, redis_url, wire, server):
    line = wire(redis_url)
    site = server_process(server=server, env={**environment, "REDIS_URL": line.url(redis_url)}).start()
    browser = signed_in(site)
    open_socket = opens_socket(site, browser)
    with open_socket() as socket:
        socket.send('{"type": "ping"}')
        assert "pong" in socket.recv(PATIENCE)
    line.cut()
    for _ in range(3):
        with open_socket() as socket, pytest.raises(ConnectionClosed, match="1013"):
            socket.recv(PATIENCE)
    assert browser.get(site.url, timeout=PATIENCE).status_code == 200
    line.mend()
    assert any(answers(open_socket) for _attempt in range(100))
    assert site.log().count("Traceback") <= 2


@pytest.mark.parametrize("server", ["daphne"])
def test_a_socket_opened_while_redis_says_nothing_is_told_so(server_process, environment, redis_url, wire, server):
    line = wire(redis_url)
    site = server_process(server=server, env={**environment, "REDIS_URL": line.url(redis_url)}).start()
    open_socket = opens_socket(site, signed_in(site))
    line.hang()
    for _ in range(2):
        with open_socket() as socket, pytest.raises(ConnectionClosed, match="1013"):
            socket.recv(PATIENCE)
    line.flow()
    assert any(answers(open_socket) for _attempt in range(100))
    assert site.log().count("Traceback") == 0
