"""The history in the admin: a version contains relations, and restoring one restores all of it."""

import pytest
from django.contrib.auth.models import Group
from django.http import QueryDict
from django.urls import reverse

from imagegen.models import ImageEngine, ImageSettings
from providers.admin.conflicts import _put
from providers.models import ChatModel, Connection
from tests import people

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
}


def filled_in(page):
    """The form data that a browser would send of this page."""
    data = QueryDict(mutable=True)
    formsets = [inline.formset for inline in page.context.get("inline_admin_formsets") or ()]
    inner = [form for formset in formsets for form in (formset.management_form, *formset.forms)]
    for form in (page.context["adminform"].form, *inner):
        for name, field in form.fields.items():
            _put(data, form, name, form.get_initial_for_field(field, name))
    return data


def save(client, row, **lists):
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    data = filled_in(client.get(url))
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
    answer = root.post(version_url(row, version), dict(filled_in(page).lists()))

    assert answer.status_code == 302
    assert set(row.groups.all()) == {sales}
    assert row.history.count() == count + 1


def test_people_of_an_access_rule_come_back_too(root):
    row, alice, bob = a_model(), people.make_user("Ann"), people.make_user("Ben")
    save(root, row, users=[str(alice.pk)])
    version = row.history.first()
    save(root, row, users=[str(bob.pk)])
    root.post(version_url(row, version), dict(filled_in(root.get(version_url(row, version))).lists()))
    assert set(row.users.all()) == {alice}


def test_a_group_that_was_deleted_since_is_left_out(root):
    row, (sales, lab) = a_connection(), [Group.objects.create(name=name) for name in ("Sales", "Lab")]
    save(root, row, groups=[str(sales.pk), str(lab.pk)])
    version = row.history.first()
    sales.delete()
    root.post(version_url(row, version), dict(filled_in(root.get(version_url(row, version))).lists()))
    assert set(row.groups.all()) == {lab}


def test_a_new_row_with_groups_is_one_version(root):
    lab = Group.objects.create(name="Lab")
    url = reverse("admin:imagegen_imageengine_add")
    data = filled_in(root.get(url))
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
