"""The settings pages: profile, own API keys, own usage, all without scripts."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from providers.models import ClientKey, UsageRecord, key_digest
from tests.people import make_key
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db
PAGES = ["/settings", "/settings/password", "/settings/keys", "/settings/usage"]


@pytest.mark.parametrize("path", PAGES)
def test_only_who_is_signed_in_sees_a_settings_page(client, alice, path):
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
    client.force_login(alice)
    assert client.get(path).status_code == 200


def test_name_language_and_theme_are_saved(client, alice):
    client.force_login(alice)
    answer = client.post("/settings", {"name": "Alice B.", "language": "zh-hans", "theme": "dark"})
    assert answer.status_code == 302
    alice.refresh_from_db()
    assert alice.name == "Alice B."
    assert alice.preferences == {"language": "zh-hans", "theme": "dark"}


def test_other_preferences_stay(client, alice):
    alice.preferences = {"model": "m1"}
    alice.save()
    client.force_login(alice)
    client.post("/settings", {"name": "", "language": "en", "theme": "system"})
    alice.refresh_from_db()
    assert alice.preferences["model"] == "m1"


def test_a_theme_that_does_not_exist_is_refused(client, alice):
    client.force_login(alice)
    assert client.post("/settings", {"name": "", "language": "en", "theme": "pink"}).status_code == 200


def test_a_new_key_is_shown_once_and_works(client, alice):
    client.force_login(alice)
    page = client.post("/settings/keys", {"name": "notebook", "lifetime": "30"}).content.decode()
    key = re.search(r'value="(sk-[\w-]+)"', page)[1]
    row = ClientKey.objects.get()
    assert row.digest == key_digest(key)
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)
    again = client.get("/settings/keys").content.decode()
    assert key not in again
    assert row.prefix in again


def test_the_page_with_a_new_key_is_not_cached(client, alice):
    client.force_login(alice)
    assert "no-store" in client.post("/settings/keys", {"name": "n", "lifetime": ""})["Cache-Control"]


def test_limits_of_a_key_are_folded_away_until_there_are_some(client, alice):
    client.force_login(alice)
    assert '<details class="fold" open>' not in client.get("/settings/keys").content.decode()
    wrong = client.post("/settings/keys", {"name": "k", "models": "two words"}).content.decode()
    assert '<details class="fold" open>' in wrong


def test_a_key_needs_a_name(client, alice):
    client.force_login(alice)
    client.post("/settings/keys", {"name": ""})
    assert not ClientKey.objects.exists()


def test_a_revoked_key_is_gone_from_the_page_and_no_longer_works(client, alice):
    make_key(alice, name="old notebook")
    client.force_login(alice)
    key = ClientKey.objects.get()
    assert client.post(f"/settings/keys/{key.pk}/revoke").status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    page = client.get("/settings/keys").content.decode()
    assert "no longer works" in page
    assert f"/settings/keys/{key.pk}/revoke" not in page


def test_another_persons_key_does_not_exist(client, alice, bob):
    make_key(bob, name="bob's")
    client.force_login(alice)
    key = ClientKey.objects.get()
    assert client.post(f"/settings/keys/{key.pk}/revoke").status_code == 404
    assert "bob" not in client.get("/settings/keys").content.decode()


def test_revoking_takes_a_post(client, alice):
    make_key(alice)
    client.force_login(alice)
    assert client.get(f"/settings/keys/{ClientKey.objects.get().pk}/revoke").status_code == 405


def test_usage_shows_ones_own_by_day_and_model(client, alice, bob):
    now = timezone.now()
    for _ in range(3):
        UsageRecord.objects.create(
            user=alice, model="m1", kind="chat", tokens_in=10, tokens_out=5, status=200, cost="0.000041"
        )
    UsageRecord.objects.create(user=alice, model="m1", kind="chat", status=502, when=now)
    UsageRecord.objects.create(user=alice, model="old", kind="chat", when=now - timedelta(days=40))
    UsageRecord.objects.create(user=bob, model="secret-model", kind="chat")
    client.force_login(alice)
    page = client.get("/settings/usage").content.decode()
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert cells[1:8] == ["m1", "4", "1", "30", "15", "0", "0.000123 USD"]
    assert "secret-model" not in page
    assert ">old<" not in page


def test_the_pages_do_not_query_more_when_there_is_more(client, alice):
    client.force_login(alice)

    def visit():
        client.get("/settings/keys")
        client.get("/settings/usage")

    def grow():
        for number in range(10):
            make_key(alice, name=f"key {number}")
            UsageRecord.objects.create(user=alice, model=f"m{number}", kind="chat")

    assert_queries_do_not_grow(visit, grow)


def test_an_own_key_gets_rules_and_a_last_day(client, alice):
    client.force_login(alice)
    rules = {"models": "gpt-*", "addresses": "10.0.0.9/8"}
    client.post("/settings/keys", {"name": "notebook", "lifetime": "", **rules})
    row = ClientKey.objects.get()
    assert (row.models, row.addresses, row.expires_at) == ("gpt-*", "10.0.0.0/8", None)
    page = f"/settings/keys/{row.pk}"
    shown = client.get(page).content.decode()
    assert "gpt-*" in shown
    assert '<details class="fold" open>' in shown
    day = timezone.localdate() + timedelta(days=3)
    assert (
        client.post(page, {"name": "n2", "models": "", "addresses": "", "last_day": day.isoformat()}).status_code == 302
    )
    row.refresh_from_db()
    assert (row.name, row.models, row.addresses) == ("n2", "", "")
    assert timezone.localtime(row.expires_at).date() == day


@pytest.mark.parametrize(
    "values",
    [{"models": "two words"}, {"addresses": "10.0.0.0/99"}, {"last_day": "2020-01-01"}, {"name": ""}],
)
def test_rules_that_cannot_be_meant_are_refused(client, alice, values):
    make_key(alice, name="k")
    client.force_login(alice)
    row = ClientKey.objects.get()
    answer = client.post(f"/settings/keys/{row.pk}", {"name": "k", "models": "", "addresses": "", **values})
    assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)


def test_replacing_an_own_key_shows_the_new_one_once(client, alice):
    old = make_key(alice, name="k")
    client.force_login(alice)
    row = ClientKey.objects.get()
    answer = client.post(f"/settings/keys/{row.pk}/replace", {"keep": "3600"})
    key = re.search(r'value="(sk-[\w-]+)"', answer.content.decode())[1]
    assert "no-store" in answer["Cache-Control"]
    row.refresh_from_db()
    assert (row.digest, row.former_digest) == (key_digest(key), key_digest(old))
    page = client.get(f"/settings/keys/{row.pk}").content.decode()
    assert key not in page
    assert old[:8] in page
    client.post(f"/settings/keys/{row.pk}/end-former")
    row.refresh_from_db()
    assert row.former_digest is None


def test_nobody_reaches_the_page_of_another_persons_key(client, alice, bob):
    make_key(bob)
    client.force_login(alice)
    page = f"/settings/keys/{ClientKey.objects.get().pk}"
    assert client.get(page).status_code == 404
    for path in (page, f"{page}/replace", f"{page}/end-former"):
        assert client.post(path, {"name": "x", "keep": "0"}).status_code == 404
