"""The dashboard: problems come first, and no link leads to a refusal."""

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from imagegen.models import ImageEngine
from providers.models import Connection, UsageRecord
from tests import people
from webui.admin import dashboard

pytestmark = pytest.mark.django_db


@pytest.fixture
def servers():
    now = timezone.now()
    people.make_connection("http://one.invalid/v1", name="Works", last_ok=now)
    people.make_connection(
        "http://two.invalid/v1", name="Broken", position=1, last_error="Nobody there.", last_checked=now, failures=2
    )
    Connection.objects.create(name="Off", base_url="http://three.invalid/v1", enabled=False, last_error="Long ago.")
    ImageEngine.objects.create(name="Studio", kind="placeholder", last_ok=now)
    ImageEngine.objects.create(name="Dark room", kind="comfyui", url="http://c.invalid", position=9, last_error="Away.")


def front(client, user):
    client.force_login(user)
    return client.get("/admin/")


def test_what_fails_comes_first(client, admin, servers):
    page = front(client, admin)
    assert [line.name for line in page.context["connections"]] == ["Broken", "Works", "Off"]
    assert [line.name for line in page.context["engines"]] == ["Dark room", "Studio"]


def test_what_fails_needs_attention_with_a_link_and_the_cause(client, admin, servers):
    page = front(client, admin)
    broken = Connection.objects.get(name="Broken")
    found = {row["text"]: row for row in page.context["findings"]}
    row = found["“Broken” does not work at the moment."]
    assert (row["url"], row["hint"]) == (f"/admin/providers/connection/{broken.pk}/change/", "Nobody there.")
    assert "“Dark room” does not work at the moment." in found
    assert not any("Off" in text for text in found)
    assert f'<a href="{row["url"]}">' in page.content.decode()


def test_a_helper_sees_what_needs_attention_among_what_they_may_see(client, alice, servers):
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename="view_imageengine"))
    page = front(client, alice)
    assert [row["text"] for row in page.context["findings"]] == ["“Dark room” does not work at the moment."]


def test_who_may_only_look_is_offered_nothing_to_change(client, alice):
    people.make_connection("http://demo.invalid/v1", name="Demo", demo=True)
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    text = front(client, alice).content.decode()
    assert "/admin/providers/connection/add/" not in text
    assert "Remove the demo" not in text


def test_not_more_people_called_than_there_are(admin, alice, bob):
    for user in (alice, bob):
        UsageRecord.objects.create(user=user, model="m1", kind="chat", status=200)
    bob.is_active = False
    bob.save()
    found = dashboard.usage()
    assert (found["people"], found["accounts"]) == (1, 2)


def test_models_without_a_price_are_named(db):
    row = people.make_connection("http://one.invalid/v1", "m1")
    for model, cost in (("priced", 1), ("dear", None)):
        UsageRecord.objects.create(model=model, kind="chat", status=200, tokens_in=5, connection=row, cost=cost)
    [found] = dashboard.models_without_price(with_link=True)
    assert "dear" in found["text"]
    assert "priced" not in found["text"]
