"""Feedback: one of each person and message, changed and removed; and what administrators see of it."""

from datetime import timedelta

import pytest
import requests
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from chat.feedback import services
from chat.feedback.reasons import LABELS, REASONS
from chat.models import Chat, Feedback, Message
from tests import people
from tests.chat.sharing.test_sharing import client_of
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


def answer_of(user, model="m1", content="Kites fly."):
    chat = Chat.objects.create(user=user)
    question = Message.objects.create(chat=chat, role="user", content="What flies?")
    return Message.objects.create(chat=chat, parent=question, role="assistant", content=content, model=model)


def address_of(message):
    return f"/api/v1/chats/{message.chat_id}/messages/{message.pk}/feedback"


def test_an_answer_is_rated_once_changed_and_the_rating_removed(alice, bob):
    answer = answer_of(alice)
    address, owner = address_of(answer), client_of(alice)
    assert owner.get(address).status_code == 404
    rated = owner.put(address, {"rating": "down", "reasons": ["long", "right"], "text": "Too\0 many"}, **JSON)
    assert rated.status_code == 200, rated.content
    # A reason of the other thumb does not count.
    assert rated.json().items() >= {"rating": "down", "reasons": ["long"], "text": "Too many", "model": "m1"}.items()
    assert owner.put(address, {"rating": "up"}, **JSON).json()["reasons"] == []
    assert Feedback.objects.count() == 1
    assert [row["rating"] for row in owner.get("/api/v1/feedback/").json()["results"]] == ["up"]
    assert 'data-rating="up"' in owner.get(f"/c/{answer.chat_id}/messages/{answer.pk}").content.decode()
    assert client_of(bob).get(address).status_code == 404
    assert client_of(bob).put(address, {"rating": "up"}, **JSON).status_code == 404
    for wrong in ({"rating": "sideways"}, {"rating": "up", "reasons": ["x"]}, {"rating": "up", "text": "x" * 1001}, {}):
        assert owner.put(address, wrong, **JSON).status_code == 400, wrong
    question = address.replace(str(answer.pk), str(answer.parent_id))
    assert owner.put(question, {"rating": "up"}, **JSON).json()["code"] == "not_rateable"
    assert owner.delete(address).status_code == 204
    assert owner.delete(address).status_code == 204
    assert not Feedback.objects.exists()
    assert set(LABELS) == {name for reasons in REASONS.values() for name in reasons}


def test_keys_without_the_scope_rate_nothing(site, alice, transactional_db):
    answer = answer_of(alice)
    for scopes, status in (("chats", 200), ("models", 403)):
        headers = {"Authorization": f"Bearer {people.make_key(alice, scopes=[scopes])}"}
        rated = requests.put(f"{site.url}{address_of(answer)}", headers=headers, json={"rating": "up"}, timeout=10)
        assert rated.status_code == status, rated.text


def test_administrators_see_it_by_model_and_messages_with_the_right_alone(alice, bob, admin):
    for person in (alice, bob):
        services.rate(answer_of(person), person.pk, "down", reasons=["wrong"], text="It was a bird")
        services.rate(answer_of(person, "m2", "Secret text"), person.pk, "up", reasons=["clear"])
    old = services.rate(answer_of(alice, "m3"), alice.pk, "up")
    Feedback.objects.filter(pk=old.pk).update(updated=timezone.now() - timedelta(days=200))
    root = client_of(admin)
    page = root.get("/admin/chat/feedback/models/")
    shown = [(item["row"].model, item["row"].up, item["row"].down, item["row"].share) for item in page.context["rows"]]
    assert shown == [("m1", 0, 2, 0), ("m2", 2, 0, 100)]
    assert "Not correct (2)" in page.content.decode()
    assert [item["row"].model for item in root.get("/admin/chat/feedback/models/?from=2020-01-01").context["rows"]][
        2:
    ] == ["m3"]
    assert root.get("/admin/chat/feedback/models/?from=x&to=99999-01-01").status_code == 200
    rows = Feedback.objects.filter(model="m2")
    assert "Secret text" in root.get(f"/admin/chat/feedback/{rows[0].pk}/change/").content.decode()
    # Somebody who may see feedback, and no messages.
    clerk = people.make_user("Clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_feedback"))
    some = client_of(clerk)
    text = some.get(f"/admin/chat/feedback/{rows[0].pk}/change/").content.decode()
    assert "Easy to understand" in text
    assert "Secret text" not in text
    assert "Secret text" not in some.get("/admin/chat/feedback/").content.decode()
    assert_queries_do_not_grow(
        lambda: root.get("/admin/chat/feedback/models/"),
        lambda: [services.rate(answer_of(alice, f"x{n}"), alice.pk, "up") for n in range(5)],
    )
    assert Client().get("/admin/chat/feedback/models/").status_code == 302
