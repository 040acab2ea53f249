"""The history in the admin: a version contains relations, and restoring one restores all of it."""

from functools import partial

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.urls import reverse
from simple_history.utils import bulk_update_with_history

from chat.models import ToolServer
from imagegen.config import form as image_form
from imagegen.models import ImageEngine, ImageSettings
from providers import config, services
from providers.models import ChatModel, Connection
from tests import people
from tests.webui.admin import filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


def a_connection():
    return people.make_connection("http://up.invalid/v1", "m1")


def a_model():
    a_connection()
    return ChatModel.objects.get(public_id="m1")


# Every model whose history knows relations: how a row is made.
ROWS = {
    Connection: a_connection,
    ChatModel: a_model,
    ImageEngine: lambda: ImageEngine.objects.create(name="E", kind="placeholder"),
    ImageSettings: ImageSettings.load,
    ToolServer: lambda: ToolServer.objects.create(name="T", url="http://a.example/mcp"),
}


def save(client, row, **lists):
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    data = filled.in_(client.get(url))
    for name, values in lists.items():
        data.setlist(name, values)
    answer = client.post(url, dict(data.lists()))
    assert answer.status_code == 302, answer.context["adminform"].form.errors


def version_url(row, version):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_simple_history", args=[row.pk, version.pk])


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_a_change_of_groups_is_one_version(root, model):
    row, groups = ROWS[model](), [Group.objects.create(name=name) for name in ("Sales", "Lab", "Press")]
    row.groups.set(groups[:2])
    before = row.history.count()

    save(root, row, groups=[str(groups[1].pk), str(groups[2].pk)])

    assert row.history.count() == before + 1
    assert {entry.group.name for entry in row.history.first().groups.all()} == {"Lab", "Press"}


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_an_old_version_shows_its_groups_and_brings_them_back(root, model):
    row, (sales, lab) = ROWS[model](), [Group.objects.create(name=name) for name in ("Sales", "Lab")]
    save(root, row, groups=[str(sales.pk)])
    version = row.history.first()
    save(root, row, groups=[str(lab.pk)])

    page = root.get(version_url(row, version))
    assert page.context["adminform"].form["groups"].value() == [sales.pk]
    count = row.history.count()
    answer = root.post(version_url(row, version), dict(filled.in_(page).lists()))

    assert answer.status_code == 302
    assert set(row.groups.all()) == {sales}
    assert row.history.count() == count + 1


def test_people_of_an_access_rule_come_back_too(root):
    row, alice, bob = a_model(), people.make_user("Ann"), people.make_user("Ben")
    save(root, row, users=[str(alice.pk)])
    version = row.history.first()
    save(root, row, users=[str(bob.pk)])
    root.post(version_url(row, version), dict(filled.in_(root.get(version_url(row, version))).lists()))
    assert set(row.users.all()) == {alice}


def test_a_group_that_was_deleted_since_is_left_out(root):
    row, (sales, lab) = a_connection(), [Group.objects.create(name=name) for name in ("Sales", "Lab")]
    save(root, row, groups=[str(sales.pk), str(lab.pk)])
    version = row.history.first()
    sales.delete()
    root.post(version_url(row, version), dict(filled.in_(root.get(version_url(row, version))).lists()))
    assert set(row.groups.all()) == {lab}


def test_a_new_row_with_groups_is_one_version(root):
    lab = Group.objects.create(name="Lab")
    url = reverse("admin:imagegen_imageengine_add")
    data = filled.in_(root.get(url))
    data["name"], data["kind"] = "New", "placeholder"
    data.setlist("groups", [str(lab.pk)])
    assert root.post(url, dict(data.lists())).status_code == 302
    row = ImageEngine.objects.get(name="New")
    assert [version.history_type for version in row.history.all()] == ["+"]
    assert [entry.group for entry in row.history.first().groups.all()] == [lab]


def test_every_history_that_knows_relations_is_tried():
    from django.apps import apps

    known = {model for model in apps.get_models() if getattr(getattr(model, "history", None), "model", None)}
    assert {model for model in known if model.history.model._history_m2m_fields} == set(ROWS)


# --- relations are part of a version, whoever writes it ---------------------------------------------------------------


def relations(holder):
    """The ids of everything that a row, or a version of one, names in its relations."""
    found = {}
    for field in (holder.instance_type if hasattr(holder, "instance_type") else holder)._meta.many_to_many:
        column, own = f"{field.m2m_reverse_field_name()}_id", field.m2m_field_name()
        through = field.remote_field.through._base_manager.filter(**{own: holder.pk})
        links = getattr(holder, field.name).all() if hasattr(holder, "instance_type") else through
        found[field.name] = sorted(links.values_list(column, flat=True))
    return found


def related(model):
    """A row that names two groups, and people where it can."""
    row = ROWS[model]()
    for field in model._meta.many_to_many:
        target = field.remote_field.model
        made = [people.make_user(f"P{n}") for n in (1, 2)] if target is not Group else None
        getattr(row, field.name).set(made or [Group.objects.create(name=f"{field.name} {n}") for n in (1, 2)])
    if hasattr(row, "access"):
        row.access = "groups"
        row.save()
    assert all(relations(row).values())
    return row


def post_action(action, root, row):
    page = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")
    root.post(page, {"action": action, "_selected_action": [row.pk]})


def of_all(write):
    return dict.fromkeys(ROWS, write)


# Who writes versions: the kinds of rows, and the write. Each makes a new version.
WRITERS = {
    "save": of_all(lambda root, row: row.save()),
    "a form": of_all(lambda root, row: save(root, row)),
    "bulk_update_with_history": of_all(lambda root, row: bulk_update_with_history([row], type(row), [])),
    "bulk_history_create": of_all(lambda root, row: type(row).history.bulk_history_create([row], update=True)),
    "a change of groups": of_all(lambda root, row: row.groups.remove(row.groups.first())),
    **{
        f"the action {action}": dict.fromkeys(models, partial(post_action, action))
        for action, models in {
            "make_public": [ChatModel], "make_private": [ChatModel], "make_inherit": [ChatModel],
            "disable": [ChatModel, Connection, ImageEngine, ToolServer],
        }.items()
    },
    "update_connections": {
        Connection: lambda root, row: services.update_connections(Connection.objects.all(), tags=["x"])
    },
    "the flat form of connections": {Connection: lambda root, row: config.save(
        {**config.read(), "OPENAI_API_CONFIGS": {"0": {"prefix_id": "new"}}}
    )},
    "the flat form of pictures": {ImageSettings: lambda root, row: image_form.update({"ENABLE_IMAGE_EDIT": True})},
}  # fmt: skip
CASES = [(writer, model) for writer, models in WRITERS.items() for model in models]


@pytest.mark.parametrize(("writer", "model"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_relations_are_part_of_every_version(root, writer, model):
    row = related(model)
    WRITERS[writer][model](root, row)
    row.refresh_from_db()
    assert relations(row.history.first()) == relations(row)


def test_the_version_of_a_deletion_has_the_relations():
    row = related(ChatModel)
    before = relations(row)
    ChatModel.objects.filter(pk=row.pk).delete()
    version = ChatModel.history.first()
    assert (version.history_type, relations(version)) == ("-", before)


def test_every_action_on_a_list_with_relations_is_tried(rf, admin):
    request = rf.get("/")
    request.user = admin
    deleting, calling = {"delete_selected", "enable"}, {"test_chosen"}  # `enable` is the same verb as `disable`
    for model in ROWS:
        actions = set(site._registry[model].get_actions(request)) - deleting - calling
        assert {f"the action {name}" for name in actions} <= {writer for writer, named in CASES if named is model}


def test_a_model_that_was_opened_in_bulk_goes_back_to_its_groups(root):
    rows, lab, ann = [a_model()], Group.objects.create(name="Lab"), people.make_user("Ann")
    rows += [ChatModel.objects.create(public_id=f"more-{number}") for number in range(3)]
    for row in rows:
        row.access = "groups"
        row.save()
        row.groups.add(lab)
        row.users.add(ann)
    page = reverse("admin:providers_chatmodel_changelist")
    root.post(page, {"action": "disable", "_selected_action": [row.pk for row in rows]})
    for row in rows:
        version = row.history.first()
        assert (version.enabled, version.access) == (False, "groups")
        row.groups.clear()
        root.post(version_url(row, version), dict(filled.in_(root.get(version_url(row, version))).lists()))
        assert set(row.groups.all()) == {lab}
        assert set(row.users.all()) == {ann}
