"""Rights in the administration: staff cannot grant rights that they lack, in any way."""

import pytest
from django.contrib.auth.models import Group, Permission

from providers.models import ClientKey
from tests.people import make_key, make_user
from webui.models import User

pytestmark = pytest.mark.django_db
RIGHTS = [f"{verb}_{row}" for verb in ("view", "add", "change", "delete") for row in ("user", "group", "clientkey")]


def permissions(*names):
    return Permission.objects.filter(codename__in=names)


@pytest.fixture
def helper(client, alice):
    """Alice may care for people, groups and keys, and for nothing else."""
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(permissions(*RIGHTS))
    client.force_login(alice)
    return client


@pytest.fixture
def readers():
    """A group whose members may read everybody's conversations."""
    group = Group.objects.create(name="Readers")
    group.permissions.set(permissions("view_chat"))
    return group


@pytest.fixture
def friends():
    return Group.objects.create(name="Friends")


def rights_of(user):
    return User.objects.get(pk=user.pk).get_all_permissions()


def save_group(helper, group, **values):
    path = f"/admin/auth/group/{group.pk}/change/" if group else "/admin/auth/group/add/"
    return helper.post(path, {"name": group.name if group else "New", **values})


def save_user(helper, user, **values):
    return helper.post(f"/admin/webui/user/{user.pk}/change/", {"email": user.email, "is_active": "on", **values})


def test_a_new_group_of_a_helper_gives_no_rights(helper, alice):
    every = [row.pk for row in Permission.objects.all()]
    save_group(helper, None, permissions=every, members=[alice.pk])
    save_group(helper, None, name="Other", permissions=every)
    assert not Group.objects.filter(permissions__isnull=False).exists()
    assert "chat.view_chat" not in rights_of(alice)


def test_a_helper_gives_no_rights_to_a_group(helper, alice, friends):
    alice.groups.add(friends)
    save_group(helper, friends, permissions=[row.pk for row in Permission.objects.all()], members=[alice.pk])
    assert not friends.permissions.exists()


@pytest.mark.parametrize("page", ["change", "delete"])
def test_a_helper_does_not_touch_a_group_with_rights(helper, alice, bob, readers, page):
    values = {"name": "Readers", "members": [alice.pk, bob.pk], "post": "yes"}
    assert helper.post(f"/admin/auth/group/{readers.pk}/{page}/", values).status_code == 403
    assert not readers.user_set.exists()
    assert Group.objects.filter(pk=readers.pk).exists()


def test_a_helper_does_not_delete_groups_with_rights_by_the_dozen(helper, readers, friends):
    chosen = {"action": "delete_selected", "_selected_action": [readers.pk, friends.pk], "post": "yes"}
    helper.post("/admin/auth/group/", chosen)
    assert Group.objects.filter(pk=readers.pk).exists()


def test_a_helper_cares_for_a_group_without_rights(helper, bob, friends):
    assert save_group(helper, friends, members=[bob.pk]).status_code == 302
    assert set(friends.user_set.all()) == {bob}


def test_a_helper_does_not_let_themselves_in(helper, alice, friends):
    answer = save_group(helper, friends, members=[alice.pk])
    assert "Only an administrator" in answer.content.decode()
    assert not friends.user_set.exists()


@pytest.mark.parametrize(
    "values",
    [{"is_superuser": "on"}, {"is_staff": "on"}, {"groups": "readers"}, {"user_permissions": "all"}],
    ids=lambda values: next(iter(values)),
)
@pytest.mark.parametrize("new", [True, False])
def test_a_helper_lifts_nobody(helper, bob, readers, values, new):
    ids = {"readers": [readers.pk], "all": [row.pk for row in Permission.objects.all()]}
    values = {name: ids.get(value, value) for name, value in values.items()}
    if new:
        helper.post("/admin/webui/user/add/", {"email": "eve@example.com", "name": "Eve", **values})
        person = User.objects.get(email="eve@example.com")
    else:
        save_user(helper, bob, **values)
        person = User.objects.get(pk=bob.pk)
    assert (person.is_superuser, person.is_staff) == (False, False)
    assert not person.groups.exists()
    assert not person.user_permissions.exists()


def an_administrator(readers):
    return make_user("Boss", admin=True)


def another_helper(readers):
    return make_user("Kim", is_staff=True)


def somebody_with_a_right_of_their_own(readers):
    kim = make_user("Kim")
    kim.user_permissions.set(permissions("view_chat"))
    return kim


def a_member_of_a_group_with_rights(readers):
    kim = make_user("Kim")
    kim.groups.add(readers)
    return kim


def an_administrator_who_is_switched_off(readers):
    return make_user("Boss", admin=True, is_active=False)


def a_member_who_is_switched_off(readers):
    kim = make_user("Kim", is_active=False)
    kim.groups.add(readers)
    return kim


SUPERIORS = [
    an_administrator,
    another_helper,
    somebody_with_a_right_of_their_own,
    a_member_of_a_group_with_rights,
    an_administrator_who_is_switched_off,
    a_member_who_is_switched_off,
]
every_superior = pytest.mark.parametrize("superior", SUPERIORS, ids=lambda make: make.__name__)


@every_superior
def test_a_helper_does_not_become_somebody_who_holds_more(helper, readers, superior):
    person = superior(readers)
    before = User.objects.filter(pk=person.pk).values().get()
    password = {"password1": "another horse battery", "password2": "another horse battery"}
    answers = [
        save_user(helper, person, email="alice+1@example.com"),
        helper.post(f"/admin/webui/user/{person.pk}/password/", password),
        helper.get(f"/admin/webui/user/{person.pk}/password-link", follow=True),
        helper.post("/admin/webui/user/", {"action": "activate", "_selected_action": [person.pk]}, follow=True),
        helper.post("/admin/webui/user/", {"action": "deactivate", "_selected_action": [person.pk]}, follow=True),
        helper.post(f"/admin/webui/user/{person.pk}/delete/", {"post": "yes"}),
    ]
    assert not any("/password/reset/key/" in answer.content.decode() for answer in answers)
    assert User.objects.filter(pk=person.pk).values().get() == before


@every_superior
def test_a_helper_gets_no_key_of_somebody_who_holds_more(helper, readers, superior):
    person = superior(readers)
    answer = helper.post("/admin/providers/clientkey/add/", {"user": person.pk, "name": "mine"})
    assert answer.status_code == 403
    assert not ClientKey.objects.exists()


@every_superior
def test_a_helper_does_not_widen_a_key_of_somebody_who_holds_more(helper, readers, superior):
    make_key(superior(readers), scopes=["inference"])
    key = ClientKey.objects.get()
    path = f"/admin/providers/clientkey/{key.pk}"
    assert helper.post(f"{path}/change/", {"name": "x", "scopes": ["admin"]}).status_code == 403
    assert helper.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    helper.post("/admin/providers/clientkey/", {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert (key.scopes, key.revoked_at) == (["inference"], None)


def test_a_helper_cares_for_those_who_hold_no_more(helper, alice, bob, settings):
    settings.SITE_URL = "https://chat.example"
    bob.user_permissions.set(permissions("view_user"))
    answer = helper.get(f"/admin/webui/user/{bob.pk}/password-link", follow=True)
    assert "/password/reset/key/" in answer.content.decode()
    helper.post("/admin/providers/clientkey/add/", {"user": bob.pk, "name": "robot"})
    assert ClientKey.objects.get().user == bob


def test_an_administrator_does_all_of_it(client, admin, bob, readers):
    client.force_login(admin)
    save_group(client, readers, members=[bob.pk], permissions=[row.pk for row in permissions("view_chat", "view_file")])
    assert {"chat.view_chat", "chat.view_file"} <= rights_of(bob)
    save_user(client, bob, is_staff="on", groups=[readers.pk])
    assert User.objects.get(pk=bob.pk).is_staff
