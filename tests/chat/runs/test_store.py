"""What the rows of replies say about the processes that write them."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from chat import exchanges
from chat.models import Message
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
