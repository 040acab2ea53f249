"""Shutdown: no new connections, a grace period, an error for unfinished answers, no blame for a provider."""

import json
import re
import signal
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
SERVERS = ["daphne", "uvicorn"]
ENV = {"WEBUI_DEMO": "false", "WEBUI_ADMIN_EMAIL": EMAIL, "WEBUI_ADMIN_PASSWORD": PASSWORD, "OPENAI_API_KEYS": "k"}
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = {**BODY, "stream": True}
PATIENCE = 60


@pytest.fixture
def serve(server_process, upstream):
    """A site that serves, the key of its administrator, and a gate at which the upstream's answers stand."""

    def start(server, **env):
        site = server_process(server=server, env={**ENV, "OPENAI_API_BASE_URLS": upstream.url, **env}).start()
        key = site.create_api_key(EMAIL)
        requests.get(f"{site.url}/api/models?refresh=1", headers=bearer(key), timeout=PATIENCE).raise_for_status()
        return site, key

    return start


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def ask(site, key, path, body):
    """The answer, or the error that ended it."""
    try:
        return requests.post(f"{site.url}{path}", json=body, headers=bearer(key), timeout=PATIENCE)
    except requests.RequestException as error:
        return type(error).__name__


def ask_all(site, key, calls, upstream, gate, while_waiting):
    """The answers to calls that all wait at the gate before `while_waiting()` runs."""
    with ThreadPoolExecutor(len(calls)) as callers:
        answers = [callers.submit(ask, site, key, path, body) for path, body in calls]
        pause = threading.Event()
        while len(upstream.asked("/chat/completions")) < len(calls):
            pause.wait(0.05)
        while_waiting()
        return [answer.result(PATIENCE) for answer in answers]


def usage_of(site):
    with closing(sqlite3.connect(site.data_dir / "db.sqlite3")) as database:
        statuses = [row[0] for row in database.execute("SELECT status FROM providers_usagerecord")]
        failing = [row[0] for row in database.execute("SELECT last_error FROM providers_connection")]
    return statuses, failing


@pytest.mark.parametrize("lane", ["true", "false"])
@pytest.mark.parametrize("server", some(SERVERS, 6, few=1))
def test_calls_in_flight_get_their_answers_before_the_end(serve, upstream, server, lane):
    site, key = serve(server, GATEWAY_LANE=lane, STOP_GRACE_SECONDS="30")
    gate = Gate()
    upstream.always(chat("one two three", after={1: gate}), path="/chat/completions")
    calls = [("/v1/chat/completions", BODY), ("/v1/chat/completions", STREAMED)] * 6
    calls += [("/api/chat/completions", STREAMED)] * 4
    refused = []

    def stop():
        site.process.send_signal(signal.SIGTERM)
        pause = threading.Event()
        while not refused:  # no new connections …
            try:
                requests.get(f"{site.url}/healthz", timeout=5)
            except requests.ConnectionError:
                refused.append(True)
            pause.wait(0.05)
        gate.open()  # … while those that are open wait for their answers

    answers = ask_all(site, key, calls, upstream, gate, stop)

    assert [getattr(answer, "status_code", answer) for answer in answers] == [200] * len(calls)
    assert all(
        "[DONE]" in answer.text for (_path, body), answer in zip(calls, answers, strict=True) if "stream" in body
    )
    assert site.process.wait(30) == 0
    statuses, failing = usage_of(site)
    assert (statuses, failing) == ([200] * len(calls), [""])


@pytest.mark.parametrize("lane", ["true", "false"])
@pytest.mark.parametrize("server", some(SERVERS, 7, few=1))
def test_what_outlasts_the_grace_is_ended_in_words_and_blames_nobody(serve, upstream, server, lane):
    site, key = serve(server, GATEWAY_LANE=lane, STOP_GRACE_SECONDS="0.3")
    gate = Gate()
    upstream.always(chat("one two three", after={1: gate}), path="/chat/completions")
    calls = [("/v1/chat/completions", BODY), ("/v1/chat/completions", STREAMED)] * 4

    answers = ask_all(site, key, calls, upstream, gate, site.stop)

    gate.open()
    for (_path, body), answer in zip(calls, answers, strict=True):
        assert not isinstance(answer, str), answer
        if "stream" in body:
            last = re.findall(r"data: (.+)", answer.text)[-1]
            assert json.loads(last)["error"]["code"] == "restarting"
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "restarting")
            assert int(answer.headers["Retry-After"]) > 0
    statuses, failing = usage_of(site)
    assert set(statuses) == {503}
    assert failing == [""]
    assert "Traceback" not in site.log()


@pytest.mark.parametrize("server", some(SERVERS, 8, few=1))
def test_a_picture_that_outlasts_the_grace_is_answered_in_words(serve, upstream, server):
    env = {"ENABLE_IMAGE_GENERATION": "true", "IMAGE_GENERATION_ENGINE": "openai"}
    site, key = serve(server, **env, IMAGES_OPENAI_API_BASE_URL=upstream.url, STOP_GRACE_SECONDS="0.3")
    gate = Gate()
    upstream.always(lambda _received: chat("x")(_received).with_(before=[gate]), path="/images/generations")
    with ThreadPoolExecutor(1) as callers:
        answer = callers.submit(ask, site, key, "/api/v1/images/generations", {"prompt": "a boat"})
        gate.wait()
        assert site.stop() == 0
        told = answer.result(PATIENCE)
    gate.open()
    assert (told.status_code, told.json()["code"]) == (503, "restarting")
