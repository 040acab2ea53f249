"""The pages of API keys in the administration: keys of groups, their rules, replacing a key."""

import re

import pytest
from django.contrib.auth.models import Group, Permission

from providers import callers, services
from providers.errors import Unauthenticated
from providers.models import ClientKey, RateLimit
from tests import people
from webui.models import User

LIST = "/admin/providers/clientkey/"
RULES = {"models": "gpt-*\n", "addresses": "10.1.2.3/8", "expires_at_0": "", "expires_at_1": ""}


@pytest.fixture
def writers(db):
    return Group.objects.create(name="Writers")


def issued(answer):
    assert answer.status_code == 200, answer.content.decode()
    return re.search(r"sk-[\w-]{20,}", answer.content.decode())[0]


def test_an_administrator_makes_a_key_for_a_group_with_rules(client, admin, writers):
    client.force_login(admin)
    answer = client.post(f"{LIST}add/", {"name": "robot", "user": "", "group": writers.pk, **RULES}, follow=True)
    caller = callers.caller_for_key_blocking(issued(answer), address="10.7.7.7")
    row = ClientKey.objects.get()
    assert (caller.group_names, row.group, row.models, row.addresses) == (("Writers",), writers, "gpt-*", "10.0.0.0/8")
    assert "Writers" in client.get(LIST).content.decode()
    people_page = client.get("/admin/webui/user/").content.decode()
    assert "service.invalid" not in people_page


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Choose either a person or a group."),
        ({"models": "two words", "user": "me"}, "is not a model id or pattern"),
        ({"addresses": "10.0.0.0/99", "user": "me"}, "is neither an address nor a network"),
    ],
)
def test_what_the_form_of_a_key_refuses_is_said_beside_the_field(client, admin, values, words):
    client.force_login(admin)
    if "user" in values:
        values = {**values, "user": admin.pk}
    answer = client.post(f"{LIST}add/", {**RULES, "name": "x", **values})
    assert words in answer.content.decode()
    assert not ClientKey.objects.exists()


def test_staff_make_no_keys_for_groups(client, writers, db):
    clerk = people.make_user("Clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(content_type__model__in=("clientkey", "user", "group")))
    client.force_login(clerk)
    values = {"name": "robot", "user": "", "group": writers.pk, **RULES}
    assert client.post(f"{LIST}add/", values, follow=True).status_code == 403
    row, _key = services.issue_key(group=writers)
    assert client.post(f"{LIST}{row.pk}/rotate/", {"keep": "0"}, follow=True).status_code in (403, 404)
    assert ClientKey.objects.count() == 1


def test_replacing_a_key_shows_a_new_one_and_when_the_former_ends(client, admin, alice):
    row, old = services.issue_key(alice, name="script")
    client.force_login(admin)
    page = f"{LIST}{row.pk}/rotate/"
    assert "One week" in client.get(page, follow=True).content.decode()
    new = issued(client.post(page, {"keep": "3600"}, follow=True))
    assert {callers.caller_for_key_blocking(key).key_id for key in (old, new)} == {row.pk}
    assert f"{old[:8]}… works until" in client.get(f"{LIST}{row.pk}/change/").content.decode()
    client.post(page, {"keep": "3600", "end_former": "1"}, follow=True)
    with pytest.raises(Unauthenticated):
        callers.caller_for_key_blocking(old)


def test_a_keys_page_leads_to_its_rate_limits(client, admin, alice):
    row, _key = services.issue_key(alice)
    limit = RateLimit.objects.create(target="key", key=row, requests_minute=20)
    client.force_login(admin)
    text = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "requests per minute: 20" in text
    assert f"/admin/providers/ratelimit/{limit.pk}/change/" in text
    form = client.get(f"/admin/providers/ratelimit/add/?target=key&key={row.pk}").content.decode()
    assert re.search(rf'<option value="{row.pk}"[^>]* selected', form)


def test_members_of_a_group_are_people_and_its_keys_outlive_an_edit(client, admin, alice, writers):
    _row, key = services.issue_key(group=writers)
    client.force_login(admin)
    page = f"/admin/auth/group/{writers.pk}/change/"
    assert "service.invalid" not in client.get(page).content.decode()
    client.post(page, {"name": "Writers", "members": [alice.pk]})
    assert set(writers.user_set.all()) == {alice, User.objects.get(service_group=writers)}
    assert callers.caller_for_key_blocking(key).group_names == ("Writers",)
