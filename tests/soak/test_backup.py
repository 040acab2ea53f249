"""A copy that is made while people write, and the site that is made of it: README, “Backup”."""

import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from tests.chat.talk import PATIENCE, Talker
from tests.chat.test_processes import EMAIL, RemoteSite

WRITERS = 4
BEFORE = 24  # chats that are complete when the copy begins
SECRETS = ("field_encryption_key", "secret_key")
ONLY_IN_ROWS = ("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS", "WEBUI_ADMIN_EMAIL", "WEBUI_ADMIN_PASSWORD")


class Writers:
    """Tabs of a person who uploads a text, asks about it and reads the reply, again and again until the end."""

    def __init__(self, talker):
        self.confirmed = []  # (chat id, question, file id, its text) of what was complete when it was added
        self.ending = threading.Event()
        self.threads = ThreadPoolExecutor(WRITERS)
        self.working = [self.threads.submit(self._write, number, talker) for number in range(WRITERS)]

    def _write(self, number, talker):
        turn = 0
        while not self.ending.is_set():
            turn += 1
            text = f"Notes {turn} of writer {number}. " * 200
            files = f"{talker.site.url}/api/v1/files/"
            answer = talker.session.post(files, files={"file": (f"notes-{turn}.txt", text)}, timeout=PATIENCE)
            assert answer.ok, answer.text
            question = f"What stands in notes {turn} of {number}?"
            started = talker.start(question, files=[answer.json()])
            chat_id = started["chat"]["id"]
            message = talker.until_over(chat_id, started["message"]["id"])
            assert message["status"] == "done"
            self.confirmed.append((chat_id, question, answer.json()["id"], text))

    def wait_for(self, count):
        """Return once so many are complete."""
        while len(self.confirmed) < count:
            self.ending.wait(0.05)
            for writer in self.working:
                assert not writer.done(), writer.result()

    def end(self):
        self.ending.set()
        self.threads.shutdown()
        for writer in self.working:
            writer.result()


def copy_database(source, target, in_between):
    """What `sqlite3 SOURCE ".backup TARGET"` does; `in_between` is called once, when a part is copied."""
    begun = []

    def go_on(*_pages):
        if not begun:
            begun.append(True)
            in_between()

    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy, pages=100, progress=go_on)
        assert begun
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def copy_file(source, target):
    with suppress(FileNotFoundError):  # one that was being written, and has its name by now
        shutil.copy2(source, target)


def test_a_copy_made_under_load_opens_with_all_that_was_confirmed(server_process, environment, upstream, tmp_path):
    upstream.key = environment["OPENAI_API_KEYS"]
    site = server_process(server="uvicorn", env=environment).start()
    writers = Writers(Talker(RemoteSite(site)))
    writers.wait_for(BEFORE)

    confirmed = list(writers.confirmed)
    copy = tmp_path / "copy"
    copy.mkdir()
    more = len(confirmed) + 2
    copy_database(site.data_dir / "db.sqlite3", copy / "db.sqlite3", in_between=lambda: writers.wait_for(more))
    shutil.copytree(site.data_dir / "files", copy / "files", copy_function=copy_file)
    for name in SECRETS:
        shutil.copy2(site.data_dir / name, copy / name)
    writers.end()
    assert site.stop() == 0

    env = {name: value for name, value in environment.items() if name not in ONLY_IN_ROWS}
    restored = server_process(server="uvicorn", env=env, data_dir=copy).start()
    talker = Talker(RemoteSite(restored))
    for chat_id, question, file_id, text in confirmed:
        asked, reply = talker.chat(chat_id)["messages"]
        assert (asked["content"], [file["id"] for file in asked["files"]]) == (question, [file_id])
        assert (reply["status"], question in reply["content"]) == ("done", True)
        assert talker.send("GET", f"/api/v1/files/{file_id}/content") == text
        assert question in talker.send("GET", f"/c/{chat_id}")
    # The stored key is read with the copied secret, and a key of a person is known.
    upstream.answer("still here")
    started = talker.start("Are you there?")
    assert talker.until_over(started["chat"]["id"], started["message"]["id"])["content"] == "still here"
    assert restored.create_api_key(EMAIL).startswith("sk-")
    assert "Traceback" not in site.log() + restored.log()
