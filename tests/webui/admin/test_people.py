"""The admin site: every list and form opens; the dashboard; users and groups."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Chat
from imagegen.models import ImageEngine
from providers.models import Connection, UsageRecord
from tests.people import make_connection, make_key, make_user
from tests.queries import assert_queries_do_not_grow
from webui.accounts import links, services
from webui.models import User
from webui.version import VERSION

pytestmark = pytest.mark.django_db
REGISTERED = sorted(model._meta.label_lower for model in django_admin.site._registry)


def url(label: str, page: str, *args) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=args)


@pytest.fixture
def desk(client, admin):
    client.force_login(admin)
    return client


@pytest.mark.parametrize("label", REGISTERED)
def test_every_list_opens_for_an_administrator_and_sends_others_to_sign_in(client, admin, label):
    assert client.get(url(label, "changelist")).status_code == 302
    client.force_login(admin)
    answer = client.get(url(label, "changelist"), follow=True)
    assert answer.status_code == 200
    assert answer.request["PATH_INFO"].startswith("/admin/")


@pytest.mark.parametrize("label", REGISTERED)
def test_every_form_opens_or_is_refused_on_purpose(desk, label):
    model_admin = next(one for model, one in django_admin.site._registry.items() if model._meta.label_lower == label)
    answer = desk.get(url(label, "add"), follow=True)
    request = answer.wsgi_request
    assert answer.status_code == (200 if model_admin.has_add_permission(request) else 403)


def test_signing_in_happens_on_the_sites_own_page(client):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"


def test_who_may_not_enter_is_told_so_and_not_sent_in_a_circle(client, alice):
    client.force_login(alice)
    assert client.get("/admin/", follow=True).status_code == 403


def test_the_tables_of_stored_provider_tokens_are_not_shown(desk):
    assert {label.partition(".")[0] for label in REGISTERED}.isdisjoint({"account", "socialaccount"})
    assert "ocial" not in desk.get("/admin/").content.decode()


def test_the_sidebar_is_by_task_and_leads_back(desk):
    page = desk.get("/admin/").content.decode()
    titles = re.findall(r"<h2[^>]*>\s*(.*?)\s*(?:<|$)", page)
    wanted = ["Connections", "Models and access", "Conversations", "People", "System"]
    assert [title for title in titles if title in wanted][: len(wanted)] == wanted
    assert "Back to the chats" in page


def test_a_helper_sees_only_what_their_rights_allow(client, alice, upstream):
    make_connection(upstream.url, name="Secret place")
    alice.is_staff = True
    alice.save()
    alice.user_permissions.add(Permission.objects.get(codename="view_chat"))
    client.force_login(alice)
    page = client.get("/admin/").content.decode()
    assert "/admin/chat/chat/" in page
    assert "/admin/webui/user/" not in page
    assert "Secret place" not in page
    assert client.get("/admin/webui/user/").status_code == 403


# --- dashboard --------------------------------------------------------------------------------------------------------


def test_the_dashboard_says_how_connections_and_engines_stand(desk, upstream):
    good = make_connection(upstream.url, "m1", "m2", name="Good")
    bad = make_connection(upstream.url, name="Bad")
    now = timezone.now()
    Connection.objects.quietly().filter(pk=good.pk).update(last_ok=now, last_checked=now, last_duration_ms=42)
    Connection.objects.quietly().filter(pk=bad.pk).update(last_error="Invalid key", last_checked=now)
    ImageEngine.objects.create(name="Brush", kind="placeholder", enabled=False)
    page = desk.get("/admin/").content.decode()
    assert "answers in 42 ms" in page
    assert "2 models" in page
    assert "failing" in page
    assert "Invalid key" in page
    assert "switched off" in page


def test_the_dashboard_counts_the_last_seven_days(desk, alice):
    for _ in range(3):
        UsageRecord.objects.create(user=alice, kind="chat", tokens_in=1000, tokens_out=200, status=200)
    UsageRecord.objects.create(user=alice, kind="chat", status=502)
    UsageRecord.objects.create(user=alice, kind="chat", when=timezone.now() - timedelta(days=9))
    context = desk.get("/admin/").context
    total = context["total"]
    assert (total.calls, total.failed, total.tokens_in, total.tokens_out, total.pictures) == (4, 1, 3000, 600, 0)
    assert context["people"] == 1
    assert [bar["calls"] for bar in context["bars"]] == [0, 0, 0, 0, 0, 0, 4]


def test_the_dashboard_shows_what_needs_attention_and_what_to_do(desk, settings):
    settings.SITE_URL = "http://chat.example.com"
    page = desk.get("/admin/").content.decode()
    assert "SITE_URL begins with http://" in page
    assert "Put a proxy with TLS in front" in page


def test_the_dashboard_knows_what_is_still_to_be_done(desk):
    assert "Connect a provider" in desk.get("/admin/").content.decode()


def test_the_dashboard_names_the_version(desk):
    assert VERSION in desk.get("/admin/").content.decode()


def test_the_dashboard_does_not_query_more_when_there_is_more(desk, alice, upstream):
    def grow():
        for number in range(10):
            make_connection(upstream.url, f"g{number}", name=f"c{number}")
            ImageEngine.objects.create(name=f"e{number}", kind="placeholder")
            UsageRecord.objects.create(user=alice, model=f"m{number}", kind="chat")

    make_connection(upstream.url, "m1")
    assert_queries_do_not_grow(lambda: desk.get("/admin/"), grow)


def test_one_click_removes_the_demo(desk):
    Connection.objects.create(name="Demo", base_url="http://demo.localhost/v1", demo=True)
    ImageEngine.objects.create(name="Demo", kind="placeholder", demo=True)
    assert "Remove the demo" in desk.get("/admin/").content.decode()
    desk.post("/admin/remove-demo/")
    assert not Connection.objects.exists()
    assert not ImageEngine.objects.exists()
    assert "Remove the demo" not in desk.get("/admin/").content.decode()


def test_the_demo_is_not_removed_by_a_link_or_a_stranger(desk, client, alice):
    Connection.objects.create(name="Demo", base_url="http://demo.localhost/v1", demo=True)
    desk.get("/admin/remove-demo/")
    alice.is_staff = True
    alice.save()
    stranger = Client()
    stranger.force_login(alice)
    assert stranger.post("/admin/remove-demo/").status_code == 403
    assert Connection.objects.exists()


# --- people -----------------------------------------------------------------------------------------------------------


def test_the_list_of_people_counts_their_chats_and_keys(desk, alice, bob):
    Chat.objects.create(user=alice)
    Chat.objects.create(user=alice)
    Chat.objects.create(user=alice, deleted_at=timezone.now())
    make_key(alice)
    rows = {user.email: user for user in desk.get("/admin/webui/user/").context["cl"].result_list}
    assert (rows["alice@example.com"].chats_now, rows["alice@example.com"].keys_now) == (2, 1)
    assert (rows["bob@example.com"].chats_now, rows["bob@example.com"].keys_now) == (0, 0)


@pytest.mark.parametrize("path", ["/admin/webui/user/", "/admin/auth/group/"])
def test_lists_do_not_query_more_when_there_are_more(desk, path):
    def grow():
        for number in range(10):
            user = make_user(f"Person{number}", groups=(f"group{number}",))
            Chat.objects.create(user=user)
            make_key(user)

    make_user("First", groups=("first",))
    assert_queries_do_not_grow(lambda: desk.get(path), grow)


def add_user(desk, **fields):
    return desk.post("/admin/webui/user/add/", {"email": "eve@example.com", "name": "Eve", **fields}, follow=True)


def test_a_person_is_made_with_a_link_that_is_shown_once(desk):
    page = add_user(desk).content.decode()
    path = re.search(r"http://testserver(/accounts/password/reset/key/[^<]+)", page)[1]
    user = User.objects.get(email="eve@example.com")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert "Choose a password" in Client().get(path, follow=True).content.decode()
    assert "/password/reset/key/" not in desk.get(f"/admin/webui/user/{user.pk}/change/").content.decode()


def test_a_person_is_made_with_a_password_and_without_a_link(desk):
    page = add_user(desk, password="correct horse battery").content.decode()
    assert "/password/reset/key/" not in page
    assert User.objects.get(email="eve@example.com").check_password("correct horse battery")


def test_an_administrator_is_made_and_may_enter(desk):
    add_user(desk, is_superuser="on")
    assert User.objects.get(email="eve@example.com").is_staff


@pytest.mark.parametrize(
    "fields", [{"email": "ADMIN@example.com"}, {"email": "nobody"}, {"password": "12345678"}], ids=str
)
def test_a_mistake_makes_nobody(desk, fields):
    assert add_user(desk, **fields).context["errors"]
    assert User.objects.count() == 1


def test_a_link_can_be_made_for_somebody_who_is_there(desk, alice):
    answer = desk.get(f"/admin/webui/user/{alice.pk}/password-link", follow=True)
    assert "/accounts/password/reset/key/" in answer.content.decode()


def test_the_link_leads_to_the_sites_own_address(desk, alice, settings):
    settings.SITE_URL = "https://chat.example.com"
    answer = desk.get(f"/admin/webui/user/{alice.pk}/password-link", follow=True)
    assert f"https://chat.example.com{links.password_path(alice)[:30]}" in answer.content.decode()


def act(desk, action, *users):
    return desk.post(
        "/admin/webui/user/", {"action": action, "_selected_action": [user.pk for user in users]}, follow=True
    )


def test_accounts_are_switched_off_and_on(desk, alice, bob):
    assert "2 accounts are switched off" in act(desk, "deactivate", alice, bob).content.decode()
    assert not User.objects.get(pk=alice.pk).is_active
    assert "1 account is switched on" in act(desk, "activate", alice).content.decode()
    assert User.objects.get(pk=alice.pk).is_active


def test_a_key_of_an_account_that_is_switched_off_is_refused(desk, alice, site, connection):
    key = make_key(alice)
    session = site.session(key=key)
    assert session.get(f"{site.url}/v1/models").status_code == 200
    services.set_active([alice], active=False)
    assert session.get(f"{site.url}/v1/models").status_code == 401


def test_nobody_switches_themselves_off(desk, admin):
    act(desk, "deactivate", admin)
    assert User.objects.get(pk=admin.pk).is_active


def test_the_last_administrator_stays(desk, admin):
    answer = desk.post(
        f"/admin/webui/user/{admin.pk}/change/", {"email": admin.email, "name": "", "is_active": "on"}, follow=True
    )
    assert "only administrator" in answer.content.decode()
    assert User.objects.get(pk=admin.pk).is_superuser
    assert services.set_active([admin], active=False) == 0


def test_one_of_two_administrators_may_be_demoted(desk, admin):
    other = make_user("Other", admin=True)
    desk.post(f"/admin/webui/user/{other.pk}/change/", {"email": other.email, "name": "", "is_active": "on"})
    assert not User.objects.get(pk=other.pk).is_superuser


@pytest.fixture
def helper(client, alice):
    """Alice may change people, and is no administrator."""
    alice.is_staff = True
    alice.save()
    for name in ("view_user", "change_user", "add_user", "delete_user"):
        alice.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(alice)
    return client


def test_a_helper_cannot_lift_anybody_above_themselves(helper, bob):
    values = {"email": bob.email, "name": "Bob", "is_active": "on", "is_superuser": "on", "is_staff": "on"}
    helper.post(f"/admin/webui/user/{bob.pk}/change/", values)
    bob.refresh_from_db()
    assert not bob.is_superuser
    assert not bob.is_staff


def test_a_helper_cannot_make_an_administrator(helper):
    add_user(helper, is_superuser="on")
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.parametrize("page", ["change", "password-link", "delete", "password"])
def test_a_helper_cannot_touch_an_administrator(helper, admin, page):
    values = {"post": "yes", "password1": "a new horse", "password2": "a new horse", "is_active": ""}
    answer = helper.post(f"/admin/webui/user/{admin.pk}/{page}/", values)
    before = admin.password
    admin.refresh_from_db()
    assert answer.status_code in (302, 403)
    assert "/password/reset/key/" not in answer.content.decode()
    assert admin.password == before


def test_the_search_of_people_finds_names_and_addresses(desk, alice, bob):
    found = desk.get("/admin/webui/user/?q=alic").context["cl"].result_list
    assert [user.email for user in found] == ["alice@example.com"]


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_and_its_members_are_saved_together(desk, alice, bob):
    desk.post("/admin/auth/group/add/", {"name": "Writers", "members": [alice.pk, bob.pk]})
    group = Group.objects.get()
    assert set(group.user_set.all()) == {alice, bob}
    desk.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Writers", "members": [bob.pk]})
    assert set(group.user_set.all()) == {bob}


def test_a_new_member_may_use_the_groups_models_at_once(desk, alice, site, upstream):
    connection = make_connection(upstream.url, "m1", access="groups")
    group = Group.objects.create(name="Writers")
    connection.groups.add(group)
    session = site.session(key=make_key(alice))
    assert session.get(f"{site.url}/v1/models").json()["data"] == []
    desk.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Writers", "members": [alice.pk]})
    assert [model["id"] for model in session.get(f"{site.url}/v1/models").json()["data"]] == ["m1"]
