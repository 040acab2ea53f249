"""Replies and processes: a killed process, a stopped one, and two behind one address."""

import re
import threading

import pytest
import requests

from tests.chat.talk import Listener, Talker
from tests.upstream import Gate

EMAIL, PASSWORD = "admin@example.com", "correct horse battery"


class RemoteSite:
    """The site in another process, for `Talker`; people, by their addresses, sign in through the form."""

    def __init__(self, server):
        self.url = server.url

    def session(self, user=None, *, key=""):
        session = requests.Session()
        page = session.get(f"{self.url}/accounts/login/", timeout=15)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
        form = {"login": user or EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token}
        session.headers["Referer"] = self.url
        session.post(f"{self.url}/accounts/login/", data=form, allow_redirects=False, timeout=15)
        assert "sessionid" in session.cookies
        session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
        session.get(f"{self.url}/api/models?refresh=1", timeout=15)  # waits for the first discovery
        return session

    def listen(self, talker):
        from websockets.sync.client import connect

        headers = {"Cookie": f"sessionid={talker.session.cookies['sessionid']}"}
        opening = connect(f"ws{self.url[4:]}/ws/events", additional_headers=headers, origin=self.url)
        return Listener(opening.__enter__())


@pytest.fixture
def environment(upstream):
    return {
        "WEBUI_DEMO": "false",
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": "upstream-key",
        "WEBUI_ADMIN_EMAIL": EMAIL,
        "WEBUI_ADMIN_PASSWORD": PASSWORD,
        "STOP_GRACE_SECONDS": "0.3",
    }


def begin(talker, upstream):
    """A reply that waits after its first word: `(chat id, message id, gate)`."""
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    started = talker.start()
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]
    talker_saw_text(talker, chat_id, message_id)
    return chat_id, message_id, gate


def talker_saw_text(talker, chat_id, message_id):
    """Return once the row holds the first word: then it is saved."""
    waiting = threading.Event()
    for _ in range(300):
        if talker.message(chat_id, message_id)["content"]:
            return
        waiting.wait(0.05)
    pytest.fail("the first word was never saved")


def talker_saw_question(tab, talker, chat_id):
    """The last question of the chat, once its queue is empty."""
    while talker.send("GET", f"/api/v1/chats/{chat_id}/queue/")["results"]:
        tab.wait_for(lambda event: event["data"]["type"] == "chat:queue")
    return [message for message in talker.chat(chat_id)["messages"] if message["role"] == "user"][-1]


def test_a_killed_process_leaves_an_interrupted_message_with_its_text(server_process, environment, upstream):
    server = server_process(env=environment).start()
    site = RemoteSite(server)
    talker = Talker(site)
    chat_id, message_id, _ = begin(talker, upstream)
    queue = f"/api/v1/chats/{chat_id}/queue/"
    queued = talker.send("POST", queue, {"content": "And then?"}, status=201)

    server.kill()
    server.start()
    tab = site.listen(talker)
    tab.send({"type": "resume", "message_id": message_id, "seq": 1})
    end = tab.until_done(message_id)

    message = talker.message(chat_id, message_id)
    assert end["status"] == message["status"] == "interrupted"
    assert end["content"].strip() == message["content"].strip() == "one"
    assert talker.send("GET", queue)["results"][0]["is_held"]
    upstream.answer("again")
    again = talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/regenerate", {}, status=202)
    assert talker.until_over(chat_id, again["message"]["id"])["content"] == "again"
    sent = talker_saw_question(tab, talker, chat_id)
    assert (sent["id"], sent["parent"]) == (queued["id"], again["message"]["id"])


def test_a_process_that_ends_properly_marks_its_replies_at_once(server_process, environment, upstream):
    server = server_process(env=environment).start()
    talker = Talker(RemoteSite(server))
    _, message_id, _ = begin(talker, upstream)

    server.stop()

    shown = server.manage(
        "shell", "-v", "0", "-c",
        f"from chat.models import Message; m = Message.objects.get(pk='{message_id}'); print(m.status, m.content)",
    )  # fmt: skip
    assert shown.stdout.split() == ["interrupted", "one"]
    upstream.chats[0].wait_closed()


def test_two_processes_share_replies_through_redis(server_process, environment, upstream, redis_url):
    environment["REDIS_URL"] = redis_url
    first = server_process(server="uvicorn", env=environment).start()
    second = server_process(server="uvicorn", env=environment, data_dir=first.data_dir).start()
    here = Talker(RemoteSite(first))
    there = Talker(RemoteSite(second))
    tab = RemoteSite(second).listen(there)
    chat_id, message_id, _ = begin(here, upstream)

    tab.send({"type": "resume", "message_id": message_id, "seq": 0})
    snapshot = tab.wait_for(lambda event: event["data"]["type"] == "snapshot")
    there.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/stop", status=202)
    end = tab.until_done(message_id)

    assert snapshot["data"]["data"]["content"].strip() == "one"
    assert snapshot["data"]["data"]["done"] is False
    assert end["status"] == "stopped"
    upstream.chats[0].wait_closed()
    assert here.message(chat_id, message_id)["content"].strip() == "one"

    chat_id, message_id, _ = begin(here, upstream)
    queued = there.send("POST", f"/api/v1/chats/{chat_id}/queue/", {"content": "And then?"}, status=201)
    gate = Gate()
    upstream.answer("three", after={0: gate})
    there.send("POST", f"/api/v1/chats/{chat_id}/queue/{queued['id']}/send", status=202)
    gate.wait()
    sent = talker_saw_question(tab, there, chat_id)
    assert (sent["id"], sent["parent"]) == (queued["id"], message_id)
    assert there.message(chat_id, message_id)["content"].strip() == "one"

    chat_id, message_id, _ = begin(here, upstream)
    first.stop()
    assert tab.until_done(message_id)["status"] == "interrupted"
    assert there.message(chat_id, message_id)["status"] == "interrupted"
