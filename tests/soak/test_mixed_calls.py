"""Everything that a site does, by several people at once, for SOAK_SECONDS: no call fails, and memory stays."""

import io
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
import requests
from PIL import Image

from tests.chat.talk import Talker
from tests.chat.test_processes import EMAIL, RemoteSite
from tests.soak.proc import resident_kilobytes

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
WARM = 0.1  # of the time: what is loaded once is loaded by then
MOST_GROWTH = 1.5  # of the memory from then on
SAMPLE_SECONDS = 1.0
PATIENCE = 60
BODY = {"model": "m1", "messages": [{"role": "user", "content": "Which colour has the sky?"}]}
ANSWER = "You said: Which colour has the sky?"
PAGES = (
    *("/", "/images", "/images/gallery", "/settings", "/settings/keys", "/settings/usage", "/sidebar", "/models"),
    *("/api/v1/chats/", "/api/v1/files/", "/api/v1/images/jobs", "/api/models", "/v1/models", "/healthz", "/readyz"),
    *("/admin/", "/admin/chat/chat/", "/admin/providers/usagerecord/", "/admin/imagegen/imagejob/", "/metrics"),
)


class Load:
    """Callers of one site. Each makes one kind of call again and again; `statuses` counts what they got."""

    def __init__(self, site):
        self.site = site
        self.key = {"Authorization": f"Bearer {site.create_api_key(EMAIL)}"}
        self.talker = Talker(RemoteSite(site))  # one for all: signing in often is refused
        self.statuses = Counter()
        self.end = time.monotonic() + SECONDS
        self.is_over = False

    def run(self, verb):
        """The number of calls that this caller made until the end of the time."""
        with requests.Session() as client:
            turns = 0
            while not self.is_over and time.monotonic() < self.end:
                verb(self, client, self.talker, turns)
                turns += 1
            return turns

    def get(self, client, path):
        return self.counted(client.get(f"{self.site.url}{path}", timeout=PATIENCE, allow_redirects=False))

    def post(self, client, path, body, **options):
        return self.counted(client.post(f"{self.site.url}{path}", json=body, timeout=PATIENCE, **options))

    def counted(self, answer):
        self.statuses[answer.status_code] += 1
        assert answer.status_code < 300, f"{answer.url}: {answer.status_code} {answer.text[:500]}"
        return answer


def ask_for_a_whole(load, client, talker, turn):
    answer = load.post(client, "/v1/chat/completions", BODY, headers=load.key).json()
    assert answer["choices"][0]["message"]["content"] == ANSWER


def ask_for_a_stream(load, client, talker, turn):
    answer = load.post(client, "/v1/chat/completions", {**BODY, "stream": True}, headers=load.key)
    assert answer.text.endswith("data: [DONE]\n\n")


def ask_from_a_page(load, client, talker, turn):
    path = ("/openai/chat/completions", "/api/chat/completions")[turn % 2]
    answer = load.post(talker.session, path, {**BODY, "stream": turn % 4 < 2})
    assert "[DONE]" in answer.text or answer.json()["choices"]


def chat_and_read(load, client, talker, turn):
    started = talker.start(f"What is {turn}?")
    chat_id, message = started["chat"]["id"], started["message"]
    for question in (f"What is {turn}?", "And further?"):
        reply = talker.until_over(chat_id, message["id"])
        assert (reply["status"], question in reply["content"]) == ("done", True)
        assert question in load.get(talker.session, f"/c/{chat_id}").text
        message = talker.say(chat_id, "And further?")["message"]
    talker.until_over(chat_id, message["id"])


def draw(load, client, talker, turn):
    [file] = load.post(talker.session, "/api/v1/images/generations", {"prompt": f"a boat, {turn}"}).json()
    for query in ("", "?w=256"):
        with Image.open(io.BytesIO(load.get(talker.session, file["url"] + query).content)) as picture:
            assert picture.width > 0


def look_around(load, client, talker, turn):
    load.get(talker.session, PAGES[turn % len(PAGES)])


VERBS = (ask_for_a_whole, ask_for_a_stream, ask_from_a_page, chat_and_read, draw, look_around)


def memory_until_the_end(load, callers):
    """Samples of the server's memory from the warm moment on, while every caller goes on."""
    warm = load.end - SECONDS * (1 - WARM)
    samples = []
    while time.monotonic() < load.end and not any(caller.done() for caller in callers):
        time.sleep(SAMPLE_SECONDS)
        if time.monotonic() > warm:
            samples.append(resident_kilobytes(load.site))
    return samples


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_minutes_of_mixed_calls_end_without_a_fault(server_process, environment, upstream, server):
    drawing = {"WEBUI_DEMO": "true", "ENABLE_IMAGE_PROMPT_GENERATION": "false"}  # the demo draws, the upstream answers
    site = server_process(server=server, env={**environment, **drawing}).start()
    load = Load(site)
    with ThreadPoolExecutor(len(VERBS)) as threads:
        callers = {threads.submit(load.run, verb): verb.__name__ for verb in VERBS}
        samples = memory_until_the_end(load, callers)
        load.is_over = True
        turns = {callers[caller]: caller.result() for caller in as_completed(callers)}

    print(f"{server}: {turns}, {sum(load.statuses.values())} answers, {samples[0]} to {max(samples)} kB of memory")
    assert min(turns.values()) > 0, turns
    assert {status for status in load.statuses if status >= 500} == set()
    assert max(samples) < samples[0] * MOST_GROWTH
    assert site.stop() == 0
    assert "Traceback" not in site.log()
