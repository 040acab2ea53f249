"""People who write into a site until a test ends them, and what the site has confirmed to them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.chat.talk import PATIENCE

WRITERS = 4


class Writers:
    """Tabs of a person who uploads a text, asks about it and reads the reply, again and again until the end.

    With `server_may_die` a call without an answer is no failure: the writer goes on with the next text.
    """

    def __init__(self, talker, *, server_may_die=False):
        self.files = {}  # id → text, of every file whose upload was confirmed
        self.asked = {}  # chat id → (question, file id), of every chat that was confirmed
        self.confirmed = []  # (chat id, question, file id, its text) of what was complete when it was added
        self.lost_calls = 0
        self.server_may_die = server_may_die
        self.ending = threading.Event()
        self.threads = ThreadPoolExecutor(WRITERS)
        self.working = [self.threads.submit(self._write, number, talker) for number in range(WRITERS)]

    def _write(self, number, talker):
        turn = 0
        while not self.ending.is_set():
            turn += 1
            try:
                self._write_once(number, turn, talker)
            except requests.RequestException:
                if not self.server_may_die:
                    raise
                self.lost_calls += 1
                self.ending.wait(0.1)

    def _write_once(self, number, turn, talker):
        text = f"Notes {turn} of writer {number}. " * 200
        files = f"{talker.site.url}/api/v1/files/"
        answer = talker.session.post(files, files={"file": (f"notes-{turn}.txt", text)}, timeout=PATIENCE)
        assert answer.ok, answer.text
        file_id = answer.json()["id"]
        self.files[file_id] = text
        question = f"What stands in notes {turn} of {number}?"
        started = talker.start(question, files=[answer.json()])
        chat_id = started["chat"]["id"]
        self.asked[chat_id] = (question, file_id)
        message = talker.until_over(chat_id, started["message"]["id"])
        assert message["status"] == "done" or (self.server_may_die and message["status"] == "interrupted")
        if message["status"] == "done":
            self.confirmed.append((chat_id, question, file_id, text))

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


def assert_complete(talker, confirmed):
    """Each of these chats is there with its question, its file's bytes and its answer, in rows and on its page."""
    for chat_id, question, file_id, text in confirmed:
        asked, reply = talker.chat(chat_id)["messages"]
        assert (asked["content"], [file["id"] for file in asked["files"]]) == (question, [file_id])
        assert (reply["status"], question in reply["content"]) == ("done", True)
        assert talker.send("GET", f"/api/v1/files/{file_id}/content") == text
        assert question in talker.send("GET", f"/c/{chat_id}")
