"""The start: concurrent bootstraps, and the server as a process."""

import contextlib
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
import requests

from tests.variants import some

ADMIN = {"WEBUI_ADMIN_EMAIL": "admin@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}
COUNTS = "SELECT (SELECT count(*) FROM webui_user), (SELECT count(*) FROM providers_connection)"


def bootstrap_at_once(installations):
    with ThreadPoolExecutor(len(installations)) as threads:
        return list(threads.map(lambda one: one.manage("bootstrap"), installations))


def rows(installation) -> tuple[int, int]:
    """(people, connections) of a SQLite installation, read without starting Django."""
    with contextlib.closing(sqlite3.connect(installation.data_dir / "db.sqlite3")) as database:
        return database.execute(COUNTS).fetchone()


def test_two_bootstraps_at_once_make_one_installation(server_process):
    env = {**ADMIN, "WEBUI_DEMO": "false", "OPENAI_API_BASE_URLS": "http://127.0.0.1:9/v1", "OPENAI_API_KEYS": "k"}
    first = server_process(fresh=True, env=env)
    second = server_process(data_dir=first.data_dir, env=env)
    bootstrap_at_once([first, second])
    assert rows(first) == (1, 1)


def test_a_bootstrap_may_be_repeated(server_process):
    installation = server_process(fresh=True, env={**ADMIN, "WEBUI_DEMO": "false"})
    installation.manage("bootstrap")
    before = rows(installation)
    installation.manage("bootstrap")
    assert rows(installation) == before


def serve_the_sdk(upstream, site):
    key = site.create_api_key("admin@example.com")
    with openai.OpenAI(base_url=site.v1, api_key=key, max_retries=0) as client:
        assert "m1" in [model.id for model in client.models.list()]
        stream = client.chat.completions.create(
            model="m1", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "You said: hello"
    assert upstream.chats[-1].key == "upstream-key"
    assert site.stop() == 0


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_the_site_serves_the_sdk_and_stops_when_told(server_process, upstream, server):
    env = {**ADMIN, "WEBUI_DEMO": "false", "OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "upstream-key"}
    serve_the_sdk(upstream, server_process(server=server, env=env).start())


@pytest.mark.parametrize("server", some(["daphne", "uvicorn"], 1, few=1))
def test_two_processes_on_postgresql_and_redis_do_the_same(server_process, upstream, postgres_url, redis_url, server):
    env = {**ADMIN, "WEBUI_DEMO": "false", "OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "upstream-key"}
    env |= {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
    serve_the_sdk(upstream, server_process(server=server, workers=2, env=env).start())


def test_a_row_edited_by_another_process_counts_within_a_second(daphne_site):
    key = daphne_site.create_api_key("admin@example.com")
    headers = {"Authorization": f"Bearer {key}"}

    def listed() -> list[str]:
        answer = requests.get(f"{daphne_site.v1}/models", headers=headers, timeout=10)
        return [model["id"] for model in answer.json()["data"]]

    assert listed() == ["m1"]
    edit = "from providers.models import ChatModel; ChatModel.objects.filter(public_id='m1').update(enabled=False)"
    daphne_site.manage("shell", "--verbosity", "0", "-c", edit)
    time.sleep(1)  # the promise itself, not a guess
    assert listed() == []


def test_a_busy_port_is_said_in_one_line(server_process, daphne_site):
    second = server_process()
    done = second.manage("serve", "--port", str(daphne_site.port), check=False)
    assert done.returncode != 0
    assert f"Port {daphne_site.port} is taken" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
