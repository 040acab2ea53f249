"""`manage.py serve`: output, refused options, shutdown."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import openai
import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.chat.talk import Talker
from tests.chat.test_processes import RemoteSite
from tests.upstream import Gate
from tests.variants import some
from webui import serving
from webui.serving import listening_socket

ADMIN = {"WEBUI_ADMIN_EMAIL": "admin@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}
SERVERS = ["daphne", "uvicorn"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "2"], "needs REDIS_URL"),
        (["--workers", "0"], "1 or more"),
        (["--host", "no.such.host.invalid"], "is not an address of this machine"),
        (["--host", "192.0.2.1"], "is not an address of this machine"),
        (["--port", "70000"], "is not a port"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(server_process, words, said):
    done = server_process().manage("serve", *words, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_server_that_is_not_installed_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    with pytest.raises(serving.CannotServe, match=r"uvicorn\[standard\]"):
        serving.check("uvicorn")


def test_a_wrong_variable_stops_the_start_and_names_itself(server_process):
    done = server_process(env={"USAGE_DAYS": "-1"}).manage("serve", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Configuration: USAGE_DAYS must be")
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_administrator_that_cannot_be_made_stops_the_start(server_process):
    done = server_process(env={**ADMIN, "WEBUI_ADMIN_EMAIL": "admin"}).manage("serve", check=False)
    assert done.returncode == 1
    assert "WEBUI_ADMIN_EMAIL" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "0.0.0.0"])
def test_a_socket_listens_where_it_was_told_to(host):
    sock = listening_socket.listen(host, 0)
    try:
        assert sock.getsockname()[1] > 0
    finally:
        sock.close()


@pytest.mark.parametrize("server", some(SERVERS, 1, few=1))
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_cleanly_and_quietly(server_process, server, number):
    site = server_process(server=server, env={**ADMIN, "WEBUI_DEMO": "false"}).start()
    requests.get(f"{site.url}/accounts/login/", timeout=10)
    site.process.send_signal(number)
    assert site.process.wait(15) == 0
    assert "Traceback" not in site.log()
    assert "ERROR" not in site.log()


def test_the_console_says_where_the_site_is_and_then_keeps_quiet(server_process):
    site = server_process(env={**ADMIN, "WEBUI_DEMO": "false"}).start()
    for _ in range(5):
        requests.get(f"{site.url}/accounts/login/", timeout=10)
    lines = [line for line in site.log().splitlines() if line]
    assert "Created the administrator admin@example.com." in lines
    assert lines[-1] == f"WebUI answers at {site.url} (daphne). Ctrl-C stops it."


def test_pages_of_a_first_start_name_hashed_files(server_process):
    site = server_process(env={**ADMIN, "WEBUI_DEMO": "false"}).start()
    assert "/static/css/common/base.css" not in requests.get(f"{site.url}/accounts/login/", timeout=10).text


@pytest.mark.parametrize("server", some(SERVERS, 2, few=1))
def test_an_answer_that_is_being_sent_does_not_hold_up_the_end(server_process, upstream, server):
    env = {**ADMIN, "WEBUI_DEMO": "false", "OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "k"}
    env["STOP_GRACE_SECONDS"] = "0.3"
    site = server_process(server=server, env=env).start()
    key = site.create_api_key("admin@example.com")
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    ended = threading.Event()

    def read() -> None:
        with openai.OpenAI(base_url=site.v1, api_key=key, max_retries=0) as client:
            stream = client.chat.completions.create(
                model="m1", messages=[{"role": "user", "content": "hi"}], stream=True
            )
            try:
                list(stream)
            except openai.APIError:
                pass  # cut off: that is how a stream without an end looks
            finally:
                ended.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    gate.wait()
    assert site.stop() == 0
    assert ended.wait(10)
    upstream.last.wait_closed()
    reader.join(10)


def test_a_worker_that_dies_is_replaced(server_process, postgres_url, redis_url):
    env = {**ADMIN, "WEBUI_DEMO": "false", "DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
    site = server_process(workers=2, env=env).start()
    before = children(site.process.pid)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    end = time.monotonic() + 20
    while (now := children(site.process.pid)) == before or len(now) < 2:
        assert time.monotonic() < end, site.log()
        time.sleep(0.1)
    assert requests.get(f"{site.url}/healthz", timeout=10).status_code == 200
    assert site.stop() == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in now)


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return sorted(int(word) for word in file.read().split())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak memory")
@pytest.mark.parametrize("server", some(SERVERS, 3, few=1))
def test_large_bodies_are_not_gathered_in_memory(server_process, server):
    site = server_process(server=server, env={**ADMIN, "WEBUI_DEMO": "false"}).start()
    key = {"Authorization": f"Bearer {site.create_api_key('admin@example.com')}"}
    large = b"x" * 70_000_000
    requests.get(f"{site.url}/accounts/login/", timeout=20)
    before = peak_megabytes(site)

    json_answer = requests.post(f"{site.url}/api/chat/completions", data=large, headers=key, timeout=60)
    form_answer = requests.post(f"{site.url}/api/v1/files/", files={"file": large}, headers=key, timeout=60)

    assert (json_answer.status_code, form_answer.status_code) == (413, 413)
    assert peak_megabytes(site) - before < 40


@pytest.mark.parametrize("server", some(SERVERS, 4, few=1))
def test_a_socket_message_that_no_page_sends_closes_the_socket(server_process, server):
    site = server_process(server=server, env={**ADMIN, "WEBUI_DEMO": "false"}).start()
    browser = requests.Session()
    page = browser.get(f"{site.url}/accounts/login/", timeout=20)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    email, password = ADMIN.values()
    form = {"login": email, "password": password, "csrfmiddlewaretoken": token}
    browser.post(f"{site.url}/accounts/login/", data=form, headers={"Referer": site.url}, timeout=20)
    cookies = {"Cookie": f"sessionid={browser.cookies['sessionid']}"}
    with connect(f"ws{site.url[4:]}/ws/events", additional_headers=cookies, origin=site.url) as socket:
        socket.send('{"type": "ping"}')
        assert "pong" in socket.recv(20)
        socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(20)
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1009  # daphne drops the connection


@pytest.mark.parametrize("server", some(SERVERS, 5, few=1))
def test_a_long_answer_goes_over_a_socket_as_a_whole(server_process, upstream, server):
    env = {**ADMIN, "WEBUI_DEMO": "false", "OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "k"}
    site = RemoteSite(server_process(server=server, env=env).start())
    talker = Talker(site)
    text = "word " * 60_000
    upstream.answer(text, frames=3)
    started = talker.start()
    message_id = started["message"]["id"]
    assert talker.until_over(started["chat"]["id"], message_id)["status"] == "done"
    tab = site.listen(talker)
    tab.send({"type": "resume", "message_id": message_id, "seq": 0})
    assert tab.until_done(message_id)["content"] == text
    tab.close()


def peak_megabytes(site) -> float:
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
