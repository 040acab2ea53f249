"""Chats in the admin: lists show people and times; only a message's own page shows its text."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat.models import Chat, Message
from tests.queries import assert_queries_do_not_grow

SECRET = "the password is swordfish"


@pytest.fixture
def message(alice):
    chat = Chat.objects.create(user=alice, title="A chat", model="m1")
    return Message.objects.create(chat=chat, role="assistant", content=SECRET, model="m1", status="failed")


@pytest.fixture
def office(client, admin):
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("path", ["/admin/chat/chat/", "/admin/chat/message/", "/admin/chat/message/?q=alice"])
def test_lists_say_who_and_when_but_not_what(office, message, path):
    page = office.get(path)

    assert page.status_code == 200
    assert "Alice" in page.text
    assert SECRET not in page.text


def test_the_text_is_on_the_messages_own_page_and_cannot_be_changed(office, message):
    address = f"/admin/chat/message/{message.pk}/change/"

    assert SECRET in office.get(address).text
    office.post(address, {"content": "changed"})

    message.refresh_from_db()
    assert message.content == SECRET


def test_the_text_of_messages_is_not_searched(office, message):
    assert str(message.pk) not in office.get("/admin/chat/message/?q=swordfish").text


def test_a_chats_page_leads_to_its_messages(office, message):
    page = office.get(f"/admin/chat/chat/{message.chat_id}/change/")

    assert f"/admin/chat/message/?chat__id__exact={message.chat_id}" in page.text
    assert office.get(f"/admin/chat/message/?chat__id__exact={message.chat_id}").status_code == 200


def test_the_filters_work(office, message):
    for query in ("deleted=yes", "deleted=no"):
        assert office.get(f"/admin/chat/chat/?{query}").status_code == 200


@pytest.mark.parametrize("path", ["/admin/chat/chat/", "/admin/chat/message/"])
def test_longer_lists_ask_no_more_queries(office, alice, message, path):
    def grow():
        for number in range(5):
            chat = Chat.objects.create(user=alice, title=f"{number}")
            Message.objects.create(chat=chat, role="user", content="x")

    assert_queries_do_not_grow(lambda: office.get(path), grow)


def test_the_list_counts_only_the_messages_of_the_chats_it_shows(office, alice, message):
    others = [Chat.objects.create(user=alice, title=f"Chat {number}") for number in range(120)]
    for chat in others[:3]:
        Message.objects.create(chat=chat, role="user", content="x")
    with CaptureQueriesContext(connection) as queries:
        page = office.get("/admin/chat/chat/")
    counting = [one["sql"] for one in queries if "chat_message" in one["sql"] and "COUNT" in one["sql"]]
    assert len(counting) == 1
    assert " IN (" in counting[0]
    shown = page.context["cl"].result_list
    assert len(shown) < 121
    assert all(row.message_total == row.messages.count() for row in shown)


def test_others_do_not_get_in(client, bob, message):
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/admin/chat/message/").status_code in (302, 403)
