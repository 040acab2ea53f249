"""Conflicting edits of two administrators, for every kind of row: the later save shows the earlier one."""

import json

import pytest
from django.contrib.admin import site as staff_site
from django.contrib.auth.models import Group
from django.urls import get_resolver, reverse

from chat.models import ChatSettings, ToolServer
from imagegen import workflow
from imagegen.models import ImageEngine, ImageSettings
from providers.admin.conflicts import FIELD, GuardedAdmin
from providers.models import Budget, ChatModel, ClientKey, Connection, GatewaySettings, Price, RateLimit
from tests import people
from tests.webui.admin import filled
from webui.branding import current
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
    Budget: (lambda: Budget.objects.create(amount=5), ("enabled", False), ("name", "Mine")),
    Price: (lambda: Price.objects.create(input=1), ("pattern", "gpt-*"), ("per", 1000)),
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
    ToolServer: (
        lambda: ToolServer.objects.create(name="T", url="http://a.example/mcp"), ("enabled", False), ("name", "Mine")
    ),
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
    assert f'name="{FIELD}"' in page.content.decode()
    return filled.in_(page)


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


# --- every other page that writes a row -------------------------------------------------------------------------------

MARKED = "its form carries the mark"
# What each page of the administration writes, by the last part of its name in the URL conf.
PAGES = {
    "change": MARKED,
    "simple_history": MARKED,  # an old version, which replaces all of the row
    "workflow": MARKED,
    "tools": "of each tool whether it may be called, one column of a row of its own",
    **dict.fromkeys(["add"], "a row that nobody else knows"),
    **dict.fromkeys(["delete", "remove_demo"], "rows go, and no column is replaced"),
    **dict.fromkeys(["changelist"], "its actions write the one column that they name, and no value that was shown"),
    **dict.fromkeys(["password_change"], "a password that is entered there; none was shown"),
    **dict.fromkeys(["rotate"], "a new secret of a key, or the end of the former one; none was shown"),
    **dict.fromkeys(["server_models"], "the models of a server, and pulls of them"),
    "valves": MARKED,  # tests/providers/valves
    **dict.fromkeys(["password_link"], "nothing: the link is signed"),
    **dict.fromkeys(["cancel_row", "cancel_now", "retry_row", "retry_now"], "the end of a job, or a new one"),
    **dict.fromkeys(["test_row", "test_now", "refresh_row", "refresh_now"], "health and the models of a server"),
    **dict.fromkeys(["draw", "try_search", "search", "preview", "test_draw"], "no row of the configuration"),
    **dict.fromkeys(
        ["history", "index", "login", "logout", "password_change_done", "autocomplete", "jsi18n", "view_on_site",
         "app_list", "access", "models", "by_model", "open_tools", "who_may", "may_use", "show_models", "open_workflow",
         "show_server_models", "show_valves", "pull_progress", "try", "totals", "totals_csv", "show_totals",
         "explain", "explain_a_call", "explain_model", "explain_connection", "explain_record"], "nothing",
    ),
}  # fmt: skip


def patterns(found, prefix=""):
    for entry in found:
        path = prefix + str(entry.pattern)
        if hasattr(entry, "url_patterns"):
            yield from patterns(entry.url_patterns, path)
        elif path.startswith("admin/") and entry.name:
            yield entry.name


def last_part(name):
    for model in staff_site._registry:
        for prefix in (f"{model._meta.app_label}_{model._meta.model_name}_", "auth_user_"):
            if name.startswith(prefix):
                return name.removeprefix(prefix)
    return name


def test_every_page_of_the_administration_is_known_by_what_it_writes():
    assert {last_part(name) for name in patterns(get_resolver().url_patterns)} <= set(PAGES)


@pytest.mark.parametrize("label", sorted(model._meta.label for model in ROWS))
def test_no_list_has_values_that_are_edited_in_it(label):
    model = next(model for model in ROWS if model._meta.label == label)
    found = staff_site._registry[model]
    assert (tuple(found.list_editable), getattr(found, "ordering_field", None)) == ((), None)


VERSIONED = [model for model in ROWS if hasattr(model, "history")]


def opened_version(root, row, version):
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_simple_history", args=[row.pk, version.pk])
    page = root.get(address)
    data = filled.in_(page)
    assert f'name="{FIELD}"' in page.content.decode()
    return address, data


@pytest.mark.parametrize("model", VERSIONED, ids=lambda model: model.__name__)
def test_an_old_version_does_not_undo_what_somebody_did_meanwhile(root, model):
    make, (their_field, theirs), _mine = ROWS[model]
    row = make()
    row.save()
    version = row.history.first()
    address, data = opened_version(root, row, version)
    row = model.objects.get(pk=row.pk)
    setattr(row, their_field, theirs)
    row.save()
    count = row.history.count()

    page = root.post(address, dict(data.lists()))

    assert page.status_code == 200
    assert "while you were editing" in str(page.context["adminform"].form.non_field_errors())
    row.refresh_from_db()
    assert (getattr(row, their_field), row.history.count()) == (theirs, count)

    data[FIELD] = page.context["opened_with"]  # who has read that may bring the old version back all the same
    assert root.post(address, dict(data.lists())).status_code == 302
    row.refresh_from_db()
    assert getattr(row, their_field) != theirs


@pytest.mark.parametrize("model", VERSIONED, ids=lambda model: model.__name__)
def test_an_old_version_that_nobody_else_touched_is_brought_back(root, model):
    make, (their_field, theirs), _mine = ROWS[model]
    row = make()
    row.save()
    version = row.history.first()
    row = model.objects.get(pk=row.pk)
    before = getattr(row, their_field)
    setattr(row, their_field, theirs)
    row.save()
    address, data = opened_version(root, row, version)
    assert root.post(address, dict(data.lists())).status_code == 302
    row.refresh_from_db()
    default = {"name": current.default_name()}  # a form says it where the column is empty
    assert getattr(row, their_field) in (before, default.get(their_field, before))


@pytest.mark.parametrize("sent", [
    {"map": "1", "node:6:text": "prompt"},
    {"stock": "1"},
    {"load": "1", "text": json.dumps({"9": {"class_type": "SaveImage", "inputs": {}}})},
], ids=lambda sent: next(iter(sent)))  # fmt: skip
def test_the_page_of_a_workflow_shows_what_somebody_did_meanwhile(root, bob, sent):
    graph = workflow.default_graph("generate")
    row = ImageEngine.objects.create(name="E", kind="comfyui", url="http://127.0.0.1:9/", workflow=graph, nodes=[])
    address = reverse("admin:imagegen_imageengine_workflow", args=[row.pk])
    page = root.get(address)
    assert page.content.decode().count(f'name="{FIELD}"') == 2
    mark = page.context["opened_with"]
    row.nodes, row._history_user = [{"type": "seed", "key": "seed", "node_ids": ["3"], "value": ""}], bob
    row.save()

    page = root.post(address, {**sent, FIELD: mark})

    told = " ".join(str(message) for message in page.context["messages"])
    assert "while you were editing" in told
    assert str(bob) in told
    stored = ImageEngine.objects.get(pk=row.pk)
    assert (stored.workflow, stored.nodes) == (graph, row.nodes)
    assert root.post(address, {**sent, FIELD: page.context["opened_with"]}).status_code == 302
    assert ImageEngine.objects.get(pk=row.pk).nodes != row.nodes
