"""The queue of a chat: messages wait their turn on the server, go out in order and once, or wait for their person."""

import threading

import pytest

from chat.models import Chat, Message, QueuedMessage
from chat.queued import sending, services
from providers.models import Budget, ChatModel
from tests import people
from tests.chat.talk import PATIENCE, Talker
from tests.upstream import RESET, Gate, openai

pytestmark = pytest.mark.usefixtures("connection")


SAID = "Said."


@pytest.fixture
def talker(site, alice, upstream):
    people.set_chat(titles=False)
    upstream.always(openai.chat(SAID), path="/chat/completions")
    return Talker(site, alice)


def begin(talker, upstream, **after):
    """A chat whose first answer waits behind a gate: `(chat id, address of its queue, gate)`."""
    gate = Gate()
    upstream.answer("one two three", after={1: gate, **after.get("after", {})})
    chat_id = talker.start("Go on")["chat"]["id"]
    gate.wait()
    return chat_id, f"/api/v1/chats/{chat_id}/queue/", gate


def is_text(event):
    return event["data"]["type"] == "chat:completion" and event["data"]["data"]["content"]


def until(check):
    end = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if value := check():
            return value
        end.wait(0.02)
    pytest.fail("it never came so far")


def said(chat_id):
    """What was asked and answered in the chat, once no answer runs."""
    assert until(lambda: not Message.objects.filter(chat=chat_id, status__in=Message.RUNNING).exists())
    rows = Message.objects.filter(chat=chat_id).order_by("created")
    return [row.content for row in rows]


def contents(talker, queue):
    return [row["content"] for row in talker.send("GET", queue)["results"]]


def test_messages_wait_on_the_server_and_are_sent_in_order(talker, site, bob, upstream):
    chat_id, queue, gate = begin(talker, upstream)
    tab = talker.listen()
    first = talker.send("POST", queue, {"content": "Second", "params": {"temperature": 0.5}}, status=201)
    tab.wait_for(lambda event: event["data"]["type"] == "chat:queue" and event["chat_id"] == chat_id)
    second = talker.send("POST", queue, {"content": "Frist", "model": "m1"}, status=201)
    third = talker.send("POST", queue, {"content": "Never", "position": 0}, status=201)
    again = talker.send("POST", queue, {"content": "Second", "id": first["id"]}, status=201)
    assert again["id"] == first["id"]
    assert contents(talker, queue) == ["Never", "Second", "Frist"]

    talker.send("PATCH", f"{queue}{second['id']}", {"content": "First", "position": 0})
    talker.send("DELETE", f"{queue}{third['id']}", status=204)
    assert contents(talker, queue) == ["First", "Second"]
    for method, path in (("GET", ""), ("POST", ""), ("PATCH", second["id"]), ("POST", f"{second['id']}/send")):
        Talker(site, bob).send(method, f"{queue}{path}", {"content": "x"}, status=404)
    for wrong in ({"content": " "}, {"content": "x", "position": 20}, {"content": "x", "models": ["m1"]}):
        talker.send("POST", queue, wrong, status=400)
    talker.send("PATCH", f"{queue}{second['id']}", {"content": ""}, status=400)
    talker.send("POST", queue, {"content": "x", "model": "unknown"}, status=404)
    talker.send("POST", queue, {"content": "x", "files": [{"id": chat_id}]}, status=404)
    assert services.MAX_QUEUED == 20
    others = [QueuedMessage(chat_id=chat_id, position=10 + number, content="y") for number in range(18)]
    QueuedMessage.objects.bulk_create(others)
    full = talker.send("POST", queue, {"content": "x"}, status=409)
    assert full["code"] == "queue_full"
    QueuedMessage.objects.filter(content="y").delete()

    gate.open()
    until(lambda: Message.objects.filter(pk=first["id"]).exists())
    assert said(chat_id) == ["Go on", "one two three", "First", SAID, "Second", SAID]
    assert contents(talker, queue) == []
    assert upstream.chats[-1].json["temperature"] == 0.5
    talker.send("DELETE", f"{queue}{second['id']}", status=404)
    # Where nothing runs, nothing waits.
    last = talker.send("POST", queue, {"content": "Third"}, status=201)
    until(lambda: Message.objects.filter(pk=last["id"]).exists())
    assert said(chat_id)[-2:] == ["Third", SAID]
    tab.close()


def test_a_queue_is_held_by_a_stop_and_a_message_can_go_at_once(talker, upstream):
    tab = talker.listen()
    chat_id, queue, _gate = begin(talker, upstream)
    tab.wait_for(is_text)
    for content in ("First", "Second"):
        talker.send("POST", queue, {"content": content}, status=201)
    answer = Message.objects.get(chat=chat_id, role="assistant")
    talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{answer.pk}/stop", status=202)
    rows = until(lambda: [row for row in talker.send("GET", queue)["results"] if row["is_held"]])
    assert [row["content"] for row in rows] == ["First", "Second"]

    # Sent by its person; while that answer runs, the next one is sent at once: what was written stays above it.
    running = Gate()
    upstream.answer("four five", after={1: running})
    talker.send("POST", f"{queue}{rows[1]['id']}/send", status=202)
    running.wait()
    tab.wait_for(is_text)
    assert [row["is_held"] for row in talker.send("GET", queue)["results"]] == [False]
    talker.send("POST", f"{queue}{rows[0]['id']}/send", status=202)
    until(lambda: Message.objects.filter(pk=rows[0]["id"]).exists())
    texts = [text.strip() for text in said(chat_id)]
    assert texts == ["Go on", "one", "Second", "four", "First", SAID]
    assert [row["content"].strip() for row in upstream.chats[-1].json["messages"]] == texts[:-1]

    # An answer that fails holds the queue, and a good one lets it go on.
    failing = Gate()
    upstream.answer("six seven", after={1: failing, 2: RESET})
    talker.say(chat_id, "Fail")
    failing.wait()
    talker.send("POST", queue, {"content": "Later"}, status=201)
    failing.open()
    until(lambda: talker.send("GET", queue)["results"][0]["is_held"])
    failed = talker.chat(chat_id)["leaf"]
    talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{failed}/regenerate", {}, status=202)
    until(lambda: Message.objects.filter(chat=chat_id, content="Later").exists())
    assert said(chat_id)[-2:] == ["Later", SAID]
    tab.close()


def test_a_message_that_is_refused_waits_with_the_reason(talker, upstream, alice):
    Budget.objects.create(user=alice, unit="tokens", period="day", amount=1)
    chat_id, queue, gate = begin(talker, upstream)
    waiting = talker.send("POST", queue, {"content": "First", "model": "m1"}, status=201)
    gate.open()

    def refusal(code):
        row = talker.send("GET", queue)["results"][0]
        return row["is_held"] and not row["is_urgent"] and row["error"]["code"] == code and row["error"]["message"]

    assert "is spent" in until(lambda: refusal("insufficient_quota"))
    Budget.objects.all().delete()
    ChatModel.objects.filter(public_id="m1").update(enabled=False)
    talker.send("POST", f"{queue}{waiting['id']}/send", status=202)
    until(lambda: refusal("model_not_found"))
    assert len(said(chat_id)) == 2
    ChatModel.objects.filter(public_id="m1").update(enabled=True)
    talker.send("POST", f"{queue}{waiting['id']}/send", status=202)
    until(lambda: Message.objects.filter(pk=waiting["id"]).exists())
    assert said(chat_id)[2:] == ["First", SAID]
    assert contents(talker, queue) == []


def test_many_that_send_the_same_message_send_it_once(site, talker, alice, upstream):
    chat_id, queue, gate = begin(talker, upstream)
    gate.open()
    assert len(said(chat_id)) == 2
    chat = Chat.objects.get(pk=chat_id)
    row = QueuedMessage.objects.create(chat=chat, position=1, content="Once")
    lost = QueuedMessage.objects.create(chat=chat, position=2, content="Then")
    threads = [threading.Thread(target=talker.send, args=("GET", queue)) for _ in range(4)]
    for thread in threads:
        thread.start()
    sending.advance_soon(chat.pk)
    for thread in threads:
        thread.join()
    until(lambda: Message.objects.filter(pk=lost.pk).exists())
    assert said(chat_id)[2:] == ["Once", SAID, "Then", SAID]
    assert Message.objects.filter(pk=row.pk).count() == 1
