"""SIGKILL while people write, in the middle of a reply and of a picture: what was confirmed stays, the rest is told."""

import json
import os
import signal
import threading

import pytest

from imagegen import workflow
from tests.chat.talk import Talker
from tests.chat.test_processes import RemoteSite, talker_saw_text
from tests.soak.proc import worker_at
from tests.soak.writers import Writers, assert_complete
from tests.upstream import Gate, gemini
from tests.upstream.openai import chat, echo
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

SERVERS = ["daphne", "uvicorn"]
COMPLETE = 24  # chats before the kill
HELD = "Count slowly."
DRAW = {"image_generation": True}
DRAWING = {
    "ENABLE_IMAGE_GENERATION": "true",
    "ENABLE_IMAGE_PROMPT_GENERATION": "false",
    "ENABLE_TITLE_GENERATION": "false",
    "ENABLE_FOLLOW_UP_GENERATION": "false",
}
TURNS = 600  # of looking, 0.1 s each


class Words:
    """The chat model of these tests: it echoes, and stops some behind the first word until the gate opens."""

    def __init__(self, upstream):
        self.gate = Gate()
        upstream.always(self._answer, path="/chat/completions")

    def _answer(self, received):
        if HELD in received.body.decode():
            return chat("one two three", after={1: self.gate})(received)
        return chat(echo(received.json["messages"]))(received)


class Engine:
    """An engine whose first picture stands at a gate. `drawings` are the calls that draw, `open_calls` may be held."""

    resumes = False

    def __init__(self, upstream):
        self.upstream, self.gate = upstream, Gate()

    def pause_first(self, reply, path):
        self.upstream.script(reply.with_(before=[self.gate]), path=path)
        self.upstream.always(reply, path=path)


class OpenAI(Engine):
    def __init__(self, upstream):
        super().__init__(upstream)
        self.env = {"IMAGE_GENERATION_ENGINE": "openai", "IMAGES_OPENAI_API_BASE_URL": upstream.url}
        self.pause_first(drawn(png(8, 8)), "/images/generations")

    def drawings(self):
        return self.upstream.asked("/images/generations")


class Gemini(Engine):
    def __init__(self, upstream):
        super().__init__(upstream)
        self.env = {
            "IMAGE_GENERATION_ENGINE": "gemini",
            "IMAGES_GEMINI_API_BASE_URL": upstream.gemini.url,
            "IMAGES_GEMINI_API_KEY": "k",
        }
        self.pause_first(gemini.drew(gemini.jpeg()), ":generateContent")

    def drawings(self):
        return self.upstream.asked(":generateContent")


class Automatic1111(Engine):
    def __init__(self, upstream):
        super().__init__(upstream)
        self.env = {"IMAGE_GENERATION_ENGINE": "automatic1111", "AUTOMATIC1111_BASE_URL": upstream.origin}
        upstream.automatic1111.gates = {3: self.gate}

    def drawings(self):
        return self.upstream.asked("/txt2img")


class ComfyUI(Engine):
    resumes = True

    def __init__(self, upstream):
        super().__init__(upstream)
        self.env = {
            "IMAGE_GENERATION_ENGINE": "comfyui",
            "COMFYUI_BASE_URL": upstream.origin,
            "IMAGE_GENERATION_MODEL": "dream.safetensors",
            "COMFYUI_WORKFLOW": json.dumps(workflow.default_graph("generate")),
        }
        upstream.comfyui.gates[2] = self.gate

    def drawings(self):
        return self.upstream.asked("/prompt", "POST")


ENGINES = {"openai": OpenAI, "gemini": Gemini, "automatic1111": Automatic1111, "comfyui": ComfyUI}


def ids(started):
    return started["chat"]["id"], started["message"]["id"]


def until(look, wanted, words):
    """The first thing seen that is wanted."""
    pause = threading.Event()
    for _ in range(TURNS):
        seen = look()
        if wanted(seen):
            return seen
        pause.wait(0.1)
    pytest.fail(f"{words}: {seen}")


def regenerated(talker, chat_id, message_id):
    """The answer to *Try again*, once it is over: one call, without any option."""
    path = f"/api/v1/chats/{chat_id}/messages/{message_id}/regenerate"
    again = talker.send("POST", path, {}, status=202)
    return talker.until_over(chat_id, again["message"]["id"])


def assert_told_and_tried_again(talker, chat_id, message_id):
    """A cut reply keeps its first word, its page says what happened and offers another try, which succeeds."""
    message = talker.until_over(chat_id, message_id)
    assert (message["status"], message["content"].strip()) == ("interrupted", "one")
    page = talker.send("GET", f"/c/{chat_id}")
    assert "This answer was interrupted." in page
    assert 'data-action="regenerate"' in page
    again = regenerated(talker, chat_id, message_id)
    assert (again["status"], again["content"]) == ("done", "one two three")


def assert_picture_arrives(talker, engine, chat_id, message_id):
    """ComfyUI's picture goes on and is added to its answer; that of another engine is told as lost, and drawn again."""
    message = until(
        lambda: talker.message(chat_id, message_id),
        lambda seen: seen["files"] or any(step.get("error") for step in seen["status_history"]),
        "nothing became of the picture",
    )
    assert all(step["done"] for step in message["status_history"])
    if engine.resumes:
        assert (message["status"], len(message["files"])) == ("done", 1)
        assert len(engine.drawings()) == 1
    else:
        assert message["status"] == "interrupted"
        assert "restarted" in message["status_history"][-1]["detail"]
        assert "This answer was interrupted." in talker.send("GET", f"/c/{chat_id}")
        message = regenerated(talker, chat_id, message_id)
        assert (message["status"], len(message["files"])) == ("done", 1)
        assert len(engine.drawings()) == 2
    answer = talker.session.get(talker.site.url + message["files"][0]["url"], timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"].partition("/")[0]) == (200, "image")


def assert_nothing_missing(talker, writers, complete):
    """All that the site has confirmed to the writers is there, and no answer grows for ever."""
    assert_complete(talker, complete)
    for file_id, text in writers.files.items():
        assert talker.send("GET", f"/api/v1/files/{file_id}/content") == text
    statuses = []
    for chat_id, (question, file_id) in writers.asked.items():
        asked, reply = talker.chat(chat_id)["messages"]
        assert (asked["content"], asked["files"][0]["id"]) == (question, file_id)
        statuses.append(talker.until_over(chat_id, reply["id"])["status"])
    assert set(statuses) <= {"done", "interrupted"}
    assert statuses.count("done") >= len(complete)
    return f"{len(writers.asked)} chats, {len(writers.files)} files, {statuses.count('interrupted')} cut"


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("server", SERVERS)
def test_a_kill_loses_nothing_that_was_confirmed(server_process, environment, upstream, server, kind):
    words, engine = Words(upstream), ENGINES[kind](upstream)
    site = server_process(server=server, env={**environment, **DRAWING, **engine.env}).start()
    talker = Talker(RemoteSite(site))
    writers = Writers(talker, server_may_die=True)
    writers.wait_for(COMPLETE)
    held = ids(talker.start(HELD))
    picture = ids(talker.start("a red kite", features=DRAW))
    talker_saw_text(talker, *held)
    engine.gate.wait()

    complete = list(writers.confirmed)
    site.kill()
    writers.end()
    site.start()
    words.gate.open()
    engine.gate.open()

    counts = assert_nothing_missing(talker, writers, complete)
    assert_told_and_tried_again(talker, *held)
    assert_picture_arrives(talker, engine, *picture)
    print(f"{server}, {kind}: {counts}")
    assert "Traceback" not in site.log()


@pytest.mark.parametrize("kind", ["openai", "comfyui"])
@pytest.mark.parametrize("server", SERVERS)
def test_a_killed_worker_takes_only_its_own_with_it(
    server_process, environment, upstream, postgres_url, redis_url, server, kind
):
    words, engine = Words(upstream), ENGINES[kind](upstream)
    stores = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
    env = {**environment, **DRAWING, **engine.env, **stores}
    site = server_process(server=server, workers=2, env=env).start()
    talker = Talker(RemoteSite(site))
    talker.session.headers["Connection"] = "close"  # each call may reach another worker
    writers = Writers(talker, server_may_die=True)
    writers.wait_for(COMPLETE)
    picture = ids(talker.start("a red kite", features=DRAW))
    engine.gate.wait()
    victim = worker_of(site, engine.drawings()[0] if kind == "openai" else upstream.asked("/ws")[0])
    held = replies_of_both(site, talker, upstream, victim)

    complete = list(writers.confirmed)
    os.kill(victim, signal.SIGKILL)
    writers.wait_for(len(complete) + 8)  # the other one goes on
    writers.end()
    words.gate.open()
    engine.gate.open()

    counts = assert_nothing_missing(talker, writers, complete)
    for (chat_id, message_id), pid in held.items():
        if pid == victim:
            assert_told_and_tried_again(talker, chat_id, message_id)
        else:
            message = talker.until_over(chat_id, message_id)
            assert (message["status"], message["content"]) == ("done", "one two three")
    assert_picture_arrives(talker, engine, *picture)
    print(f"{server}, {kind}, 2 workers: {counts}, {writers.lost_calls} calls lost")
    assert "Traceback" not in site.log()


def worker_of(site, received):
    """The worker that made this call, which is still open."""
    return worker_at(site, received.request.transport.get_extra_info("peername")[1])


def replies_of_both(site, talker, upstream, victim):
    """Replies that stand behind their first word, of this worker and of another: ids → the worker's process id."""
    held = {}
    while len(set(held.values())) < 2 or victim not in held.values():
        assert len(held) < 60, "all calls reach one worker"
        begun = ids(talker.start(HELD))
        talker_saw_text(talker, *begun)
        [received] = [one for one in upstream.chats if HELD in one.body.decode() and not one.done.is_set()][len(held) :]
        held[begun] = worker_of(site, received)
    return held
