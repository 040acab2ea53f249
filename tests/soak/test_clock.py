"""The system's clock is set forward and back: nothing that runs is lost, ended or done twice, and nobody locked out."""

import contextlib
import time
from pathlib import Path

import pytest
import requests

from tests.chat.test_processes import RemoteSite
from tests.fixtures.process import PASSWORD
from tests.soak.nodes.test_picture_processes import EMAIL, ask, ended  # noqa: F401  ask is a fixture
from tests.upstream import Gate
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
SHIFTS = ("+2d", "-3d", "+0")  # each as seen from the true time
TURNS = 6.0  # seconds in which every process looks for jobs of dead ones, and writes its heartbeats
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
LIMIT = "from providers.models import RateLimit; RateLimit.objects.create(target='everyone', requests_day=30)"
A_MINUTE = LIMIT.replace("requests_day=30", "requests_minute=2")


pytestmark = pytest.mark.skipif(not LIBRARIES, reason="no libfaketime here (Debian: apt-get install libfaketime)")


def clock_of(folder):
    """A file that sets the clock of the processes with these variables; their monotonic clocks go on."""
    clock = folder / "clock"
    clock.write_text("+0")
    return clock, {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_a_clock_that_is_set_ends_and_repeats_nothing(server_process, upstream, ask, tmp_path, server):  # noqa: F811
    clock, faked = clock_of(tmp_path)
    env = {
        **faked,
        "WEBUI_DEMO": "false",
        "WEBUI_ADMIN_EMAIL": EMAIL,
        "WEBUI_ADMIN_PASSWORD": PASSWORD,
        "ENABLE_IMAGE_GENERATION": "true",
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": "k",
        "IMAGE_GENERATION_ENGINE": "openai",
        "IMAGES_OPENAI_API_BASE_URL": upstream.url,
    }
    site = server_process(server=server, env=env).start()
    other = server_process(data_dir=site.data_dir, server=server, env=env).start()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {site.create_api_key(EMAIL)}"
    site.manage("shell", "--verbosity", "0", "-c", LIMIT)
    words, picture = Gate(), Gate()
    upstream.answer("one two", after={1: words})
    upstream.script(drawn(png(8, 8)).with_(before=[picture]), path="/images/generations")

    with session, contextlib.ExitStack() as open_calls:
        stream = open_calls.enter_context(
            session.post(f"{site.v1}/chat/completions", json={**BODY, "stream": True}, stream=True, timeout=120)
        )
        lines = stream.iter_lines()
        assert any(b"one" in line for line in lines)  # reads up to it
        job_id = ask(session, site)
        picture.wait()
        for shift in SHIFTS:
            clock.write_text(shift)
            for one in (site, other):
                answer = session.post(f"{one.v1}/chat/completions", json=BODY, timeout=60)
                assert answer.status_code == 200, f"{shift}: {answer.text}"
                assert requests.get(f"{one.url}/readyz", timeout=60).status_code == 200
            time.sleep(TURNS)
        words.open()
        picture.open()
        assert b"data: [DONE]" in list(lines)
        assert ended(session, site, job_id)["state"] == "succeeded"
    assert len(upstream.asked("/images/generations")) == 1
    assert (site.stop(), other.stop()) == (0, 0)


@pytest.mark.parametrize("counters", ["process", "redis"])
def test_a_clock_that_is_set_locks_nobody_out(server_process, environment, upstream, tmp_path, request, counters):
    clock, faked = clock_of(tmp_path)
    stores = {"REDIS_URL": request.getfixturevalue("redis_url")} if counters == "redis" else {}
    site = server_process(server="uvicorn", env={**environment, **faked, **stores}).start()
    key = {"Authorization": f"Bearer {site.create_api_key(EMAIL)}"}
    site.manage("shell", "--verbosity", "0", "-c", A_MINUTE)
    people = []

    def call():
        return requests.post(f"{site.v1}/chat/completions", json=BODY, headers=key, timeout=60)

    for shift in ("+0", *SHIFTS):
        clock.write_text(shift)
        people.append(RemoteSite(site).session())  # signs in
        for person in people:  # and who signed in at another time is still known
            page = person.get(f"{site.url}/settings", allow_redirects=False, timeout=60)
            assert page.status_code == 200, f"{shift}: {page.headers}"
        # A window of another time counts for nothing; a new one may begin between two of these calls. The last shift
        # comes back to a window that may be the first one's.
        answers = [call() for _ in range(6)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert {answer.status_code for answer in answers} <= {200, 429}
        assert all(0 < int(answer.headers["Retry-After"]) <= 60 for answer in refused)
        if shift != "+0":
            assert answers[0].status_code == 200
    assert "Traceback" not in site.log()
