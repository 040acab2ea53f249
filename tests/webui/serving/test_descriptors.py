"""File descriptors: the start raises the limit, and a shortage counts as this site's own outage."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from tests.upstream import Gate
from tests.upstream.openai import chat
from tests.variants import some

EMAIL, PASSWORD = "admin@example.com", "correct horse battery"
ENV = {"WEBUI_DEMO": "false", "WEBUI_ADMIN_EMAIL": EMAIL, "WEBUI_ADMIN_PASSWORD": PASSWORD, "OPENAI_API_KEYS": "k"}
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hi"}], "stream": True}
FEW = 96
PATIENCE = 60


@pytest.mark.parametrize("server", some(["daphne", "uvicorn"], 0, few=1))
def test_the_start_raises_the_limit_and_says_so(server_process, server):
    site = server_process(server=server, env=ENV, descriptors=(256, 4096)).start()
    assert "Open files and sockets: 4,096 at most" in site.log()


@pytest.mark.parametrize("server", some(["daphne", "uvicorn"], 1, few=1))
def test_used_up_descriptors_are_told_as_ours_and_mark_no_connection(server_process, upstream, server):
    env = {**ENV, "OPENAI_API_BASE_URLS": upstream.url}
    site = server_process(server=server, env=env, descriptors=(FEW, FEW)).start()
    key = {"Authorization": f"Bearer {site.create_api_key(EMAIL)}"}
    requests.get(f"{site.url}/api/models?refresh=1", headers=key, timeout=PATIENCE).raise_for_status()
    gate = Gate()
    upstream.always(chat("one two", after={1: gate}), path="/chat/completions")

    def ask():
        try:
            with requests.Session() as client:
                answer = client.post(f"{site.url}/v1/chat/completions", json=BODY, headers=key, timeout=PATIENCE)
                return answer.status_code, answer.text
        except requests.RequestException as error:
            return type(error).__name__, ""

    with ThreadPoolExecutor(FEW) as callers:
        calls = [callers.submit(ask) for _ in range(FEW)]
        pause = threading.Event()
        while not any(call.done() for call in calls):
            pause.wait(0.05)
        early = [call.result() for call in calls if call.done()]
        gate.open()
        answers = [call.result(PATIENCE) for call in calls]

    assert all(status == 503 and '"code":"overloaded"' in text for status, text in early if isinstance(status, int))
    statuses = {status for status, _text in answers if isinstance(status, int)}
    assert statuses == {200, 503}
    with closing(sqlite3.connect(site.data_dir / "db.sqlite3")) as database:
        assert database.execute("SELECT last_error, failures FROM providers_connection").fetchall() == [("", 0)]
    status, text = ask()
    assert (status, "[DONE]" in text) == (200, True)
