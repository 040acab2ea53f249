"""Conflicting edits of two administrators, for every kind of row: the later save shows the earlier one."""

import pytest
from django.contrib.admin import site as staff_site
from django.contrib.auth.models import Group
from django.http import QueryDict
from django.urls import reverse

from chat.models import ChatSettings
from imagegen.models import ImageEngine, ImageSettings
from providers.admin.conflicts import FIELD, GuardedAdmin, _put
from providers.models import ChatModel, ClientKey, Connection, GatewaySettings, RateLimit
from tests import people
from webui.models import SiteSettings, User

pytestmark = pytest.mark.django_db


def a_model():
    people.make_connection("http://up.invalid/v1", "m1")
    return ChatModel.objects.get(public_id="m1")


# Each kind of row: how one is made, the field that the other person changes, and the field that this one changes.
ROWS = {
    Connection: (lambda: people.make_connection("http://up.invalid/v1", "m1"), ("enabled", False), ("name", "Mine")),
    ChatModel: (a_model, ("enabled", False), ("name", "Mine")),
    RateLimit: (lambda: RateLimit.objects.create(requests_minute=3), ("enabled", False), ("name", "Mine")),
    ClientKey: (
        lambda: ClientKey.objects.create(user=people.make_user("Keyed"), name="Old", prefix="sk-1", digest="d"),
        ("name", "Theirs"),
        ("scopes", ["images"]),
    ),
    GatewaySettings: (GatewaySettings.load, ("enable_openai_api", False), ("speech_voice", "nova")),
    ImageEngine: (
        lambda: ImageEngine.objects.create(name="E", kind="placeholder"), ("enabled", False), ("name", "Mine")
    ),
    ImageSettings: (ImageSettings.load, ("enabled", True), ("prompt_template", "Mine")),
    ChatSettings: (ChatSettings.load, ("memory", True), ("tools", False)),
    SiteSettings: (SiteSettings.load, ("name", "Theirs"), ("accent", "#123456")),
    User: (lambda: people.make_user("Carol"), ("is_active", False), ("name", "Mine")),
    Group: (lambda: Group.objects.create(name="Sales"), ("name", "Theirs"), ("members", None)),
}  # fmt: skip


def editable(rf, user):
    """The models whose rows an administrator can change in a form."""
    request = rf.get("/")
    request.user = user
    return {model: admin for model, admin in staff_site._registry.items() if admin.has_change_permission(request)}


def test_every_kind_of_row_that_can_be_edited_is_guarded(rf, admin):
    admins = editable(rf, admin)
    assert [model for model, found in admins.items() if not isinstance(found, GuardedAdmin)] == []
    assert set(admins) == set(ROWS)


def url_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def opened(client, row):
    """The form data that a browser would send of the page of this row."""
    page = client.get(url_of(row))
    data = QueryDict(mutable=True)
    formsets = [inline.formset for inline in page.context["inline_admin_formsets"]]
    inner = [form for formset in formsets for form in (formset.management_form, *formset.forms)]
    for form in (page.context["adminform"].form, *inner):
        for name, field in form.fields.items():
            _put(data, form, name, form.get_initial_for_field(field, name))
    data[FIELD] = page.context["opened_with"]
    assert f'name="{FIELD}"' in page.content.decode()
    return data


def put(data, name, value):
    if isinstance(value, list):
        data.setlist(name, value)
    elif value is False:
        data.setlist(name, [])
    else:
        data[name] = "on" if value is True else value


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_the_later_save_shows_the_change_and_saves_nothing(root, model):
    make, (their_field, theirs), (my_field, mine) = ROWS[model]
    row = make()
    data = opened(root, row)
    mine = [str(people.make_user("Dan").pk)] if mine is None else mine
    put(data, my_field, mine)
    type(row).objects.filter(pk=row.pk).update(**{their_field: theirs})

    page = root.post(url_of(row), dict(data.lists()))

    assert page.status_code == 200
    form = page.context["adminform"].form
    assert "while you were editing" in str(form.non_field_errors())
    assert str(form[their_field].label) in str(form.non_field_errors())
    row.refresh_from_db()
    assert getattr(row, their_field) == theirs

    again = data.copy()
    for name in form.fields:
        again.setlist(name, form.data.getlist(name))
    again[FIELD] = page.context["opened_with"]
    saved = root.post(url_of(row), dict(again.lists()))

    assert saved.status_code == 302, saved.context["adminform"].form.errors
    row.refresh_from_db()
    assert getattr(row, their_field) == theirs
    if my_field == "members":
        assert [str(user.pk) for user in row.user_set.all()] == mine
    else:
        assert getattr(row, my_field) == mine


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_a_form_that_nobody_else_touched_is_saved(root, model):
    row = ROWS[model][0]()
    saved = root.post(url_of(row), dict(opened(root, row).lists()))
    assert saved.status_code == 302, saved.context["adminform"].form.errors


def test_both_values_of_a_field_stand_there_with_who_and_when(root, bob):
    row = people.make_connection("http://up.invalid/v1", "m1")
    data = opened(root, row)
    data["prefix_id"] = "mine"
    row.prefix_id, row._history_user = "theirs", bob
    row.save()

    errors = str(root.post(url_of(row), dict(data.lists())).context["adminform"].form.non_field_errors())

    assert str(bob) in errors
    assert "now “theirs”, yours “mine”" in errors


def test_groups_that_somebody_else_changed_are_no_less_a_conflict(root):
    sales = Group.objects.create(name="Sales")
    row = people.make_connection("http://up.invalid/v1", "m1")
    data = opened(root, row)
    data["name"] = "Mine"
    row.groups.add(sales)

    page = root.post(url_of(row), dict(data.lists()))

    assert "Sales" in str(page.context["adminform"].form.non_field_errors())
    row.refresh_from_db()
    assert row.name != "Mine"


def test_a_form_without_the_mark_of_its_opening_is_saved_as_before(root):
    row = people.make_connection("http://up.invalid/v1", "m1")
    data = opened(root, row)
    del data[FIELD]
    data["name"] = "By a script"
    root.post(url_of(row), dict(data.lists()))
    row.refresh_from_db()
    assert row.name == "By a script"
