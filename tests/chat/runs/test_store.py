"""What the rows of replies say about the processes that write them."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from chat import exchanges
from chat.models import ChatSettings, Message
from chat.runs import store
from tests.chat.talk import Talker
from tests.upstream import Gate

pytestmark = pytest.mark.usefixtures("connection")


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_new_answer_is_not_lost_whatever_this_machines_clock_says(site, alice, upstream, monkeypatch, ahead):
    monkeypatch.setattr(exchanges, "timezone", SimpleNamespace(now=lambda: timezone.now() + ahead))
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    started = Talker(site, alice).start()
    row = Message.objects.get(pk=started["message"]["id"])
    gate.open()
    assert abs(row.saved - timezone.now()) < timedelta(minutes=5)
    assert store.interrupt_lost(Message.objects.filter(pk=row.pk)) == []


def test_a_reply_that_comes_back_late_leaves_what_goes_on_alone(site, alice, upstream):
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False})
    talker = Talker(site, alice)
    upstream.answer("one two three", finish="length")
    started = talker.start()
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]
    talker.until_over(chat_id, message_id)
    row = Message.objects.get(pk=message_id)
    first = store.RowStore(row.pk, row.chat_id)
    gate = Gate()
    upstream.answer("four five six", after={1: gate})
    talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/continue", {}, status=202)
    gate.wait()
    assert first.save({"content": "old", "status": Message.Status.STREAMING}) is False
    first.save_end({"content": "old", "status": Message.Status.DONE}, [])
    gate.open()
    assert talker.until_over(chat_id, message_id)["content"].endswith("four five six")
    assert store.RowStore(row.pk, row.chat_id, part=2).save({"status": Message.Status.DONE}) is True
