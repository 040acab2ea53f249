"""Addresses of engines: the connection's or their own, never a public default that nobody entered."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from imagegen import access, engine_tests, rows
from imagegen.admin.forms import ImageEngineForm
from imagegen.config import form as flat
from imagegen.engines import ENGINES
from imagegen.models import ImageEngine, ImageSettings
from providers import config as connections
from providers.callers import caller_for_user
from providers.errors import ConfigurationError
from tests.people import make_connection, make_user
from tests.providers.admin.test_history import version_url
from tests.webui.admin import filled

pytestmark = pytest.mark.django_db
PUBLIC = "https://api.openai.com/v1"


@pytest.fixture
def through():
    """An engine that draws through a connection of one's own network, and that connection."""
    connection = make_connection("http://inhouse.invalid/v1", "m1")
    return ImageEngine.objects.create(name="Studio", kind="openai", connection=connection), connection


def fill(row, **values):
    form = ImageEngineForm(instance=row)
    data = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in data.items() if value not in (None, "", False)} | values
    return ImageEngineForm({name: value for name, value in data.items() if value is not None}, instance=row)


@pytest.mark.parametrize("bulk", [False, True])
def test_an_engine_whose_connection_is_deleted_is_switched_off(through, bulk):
    engine, connection = through
    (type(connection).objects.filter(pk=connection.pk) if bulk else connection).delete()
    engine.refresh_from_db()
    assert (engine.enabled, engine.connection, engine.url) == (False, None, "")
    assert "deleted" in engine.history.first().history_change_reason


def test_the_question_before_a_deletion_names_the_engines(admin_client, through):
    _engine, connection = through
    single = admin_client.get(reverse("admin:providers_connection_delete", args=[connection.pk]))
    chosen = {"action": "delete_selected", "_selected_action": [connection.pk]}
    several = admin_client.post(reverse("admin:providers_connection_changelist"), chosen)
    for page in (single, several):
        assert "picture engine “Studio”" in page.content.decode()


def test_a_flat_form_that_drops_a_connection_names_the_engines(through):
    engine, _connection = through
    saved = connections.save({"OPENAI_API_BASE_URLS": [], "OPENAI_API_KEYS": [], "OPENAI_API_CONFIGS": {}})
    engine.refresh_from_db()
    assert not engine.enabled
    assert [notice for notice in saved.notices if "“Studio”" in notice]


@pytest.mark.parametrize("kind", ["openai", "gemini", "chatreply", "automatic1111", "comfyui"])
def test_an_engine_without_connection_and_address_neither_saves_nor_runs(kind):
    row = ImageEngine.objects.create(name="Studio", kind=kind, enabled=False)
    form = fill(row)
    assert "url" in form.errors
    with pytest.raises(ConfigurationError) as refused:
        rows.config_of(row)
    assert refused.value.code == "no_address"
    assert "url" not in fill(row, url="http://draw.invalid").errors


def test_an_engine_of_a_kind_without_address_needs_none():
    row = ImageEngine.objects.create(name="Here", kind="placeholder")
    assert "url" not in fill(row).errors
    assert rows.config_of(row).url == ""


def test_an_empty_address_in_the_flat_form_is_written_out(db):
    flat.update({"IMAGE_GENERATION_ENGINE": "openai", "IMAGES_OPENAI_API_KEY": "sk-1"})
    flat.update({"IMAGES_OPENAI_API_BASE_URL": "http://own.invalid/v1"})
    flat.update({"IMAGES_OPENAI_API_BASE_URL": "", "IMAGES_OPENAI_API_KEY": "sk-1"})
    assert ImageSettings.load().engine.url == PUBLIC


def test_an_engine_with_a_connection_keeps_its_empty_address(through):
    engine, _connection = through
    ImageSettings.objects.update_or_create(pk=1, defaults={"engine": engine})
    flat.update(flat.read())
    engine.refresh_from_db()
    assert engine.url == ""


# --- no way to switch an engine without a destination on -------------------------------------------------------------

NEEDY = [name for name, engine in ENGINES.items() if engine.needs_address]
EDIT_PAGE = "admin:imagegen_imageengine_change"


def test_all_kinds_but_the_one_that_draws_here_need_an_address():
    assert set(ENGINES) - set(NEEDY) == {"placeholder"}


@pytest.fixture
def left(through):
    """The default engine for both, whose connection was deleted."""
    engine, connection = through
    ImageSettings.objects.update_or_create(pk=1, defaults={"engine": engine, "edit_engine": engine, "enabled": True})
    connection.delete()
    engine.refresh_from_db()
    return engine


def assert_it_leads_nowhere(row):
    row.refresh_from_db()
    assert (row.enabled, row.connection, row.url) == (False, None, "")
    assert not ImageEngine.objects.exclude(pk=row.pk).filter(url=PUBLIC).exists()


@pytest.mark.parametrize("changes", [
    {"IMAGE_SIZE": "512x512"},
    {"IMAGE_GENERATION_MODEL": "gpt-image-2"},
    {"IMAGES_OPENAI_API_KEY": "sk-entered-0123456789"},
    {"IMAGES_OPENAI_API_VERSION": "2025-04-01"},
    {"IMAGE_EDIT_SIZE": "512x512"},
    {"IMAGE_EDIT_MODEL": "gpt-image-2"},
    {"IMAGES_EDIT_OPENAI_API_KEY": "sk-entered-0123456789"},
    {"IMAGE_GENERATION_ENGINE": "gemini"},
    {},
], ids=lambda changes: next(iter(changes), "nothing"))  # fmt: skip
@pytest.mark.parametrize("whole", [True, False], ids=["whole form", "changes alone"])
def test_no_flat_form_leads_an_engine_to_the_public(left, changes, whole):
    flat.update({**flat.read(), **changes} if whole else changes)
    assert_it_leads_nowhere(left)
    assert not ImageEngine.objects.filter(kind="openai", enabled=True).exists()


def test_a_flat_form_says_that_an_engine_leads_nowhere(left):
    assert "neither a connection nor an address" in flat.update({"IMAGE_SIZE": "512x512"})["notices"][0]
    assert "notices" not in flat.update({"IMAGE_GENERATION_ENGINE": "openai"})


def test_a_flat_form_gives_an_address_that_somebody_entered(left):
    saved = flat.update({**flat.read(), "IMAGES_OPENAI_API_BASE_URL": "http://own.invalid/v1"})
    left.refresh_from_db()
    assert (left.url, left.enabled) == ("http://own.invalid/v1", False)
    assert "notices" not in saved


def test_a_new_engine_for_edits_leads_where_the_first_one_does(through):
    """The form has values for edits of their own: the first one that differs makes a row of its own."""
    engine, connection = through
    engine.access = "private"
    engine.save()
    ImageSettings.objects.update_or_create(pk=1, defaults={"engine": engine, "edit_engine": engine})
    flat.update({**flat.read(), "IMAGE_EDIT_SIZE": "512x512"})
    row = ImageEngine.objects.get(purpose="edit")
    assert (row.connection, row.url, row.access, row.size) == (connection, "", "private", "512x512")
    assert ImageSettings.load().edit_engine == row


def test_switching_on_says_which_engines_lead_nowhere(admin_client, left):
    other = ImageEngine.objects.create(name="Other", kind="openai", url="http://own.invalid", enabled=False)
    chosen = {"action": "enable", "_selected_action": [left.pk, other.pk]}
    page = admin_client.post(reverse("admin:imagegen_imageengine_changelist"), chosen, follow=True)
    told = [str(message) for message in page.context["messages"]]
    assert "“Studio” has neither a connection nor an address" in told[0]
    assert told[1] == "1 entry was changed."
    assert_it_leads_nowhere(left)
    other.refresh_from_db()
    assert other.enabled


@pytest.mark.parametrize("kind", NEEDY)
def test_no_write_switches_an_engine_without_destination_on(kind):
    row = ImageEngine.objects.create(name="Studio", kind=kind, enabled=False)

    def whole():
        row.enabled = True
        row.save()

    def columns():
        row.enabled = True
        row.save(update_fields=["enabled"])

    def moved():
        other = ImageEngine.objects.create(name="Other", kind=kind, url="http://own.invalid")
        other.url = ""
        other.save()

    def another_kind():
        other = ImageEngine.objects.create(name="Here", kind="placeholder")
        other.kind = kind
        other.save()

    def bulk_update():
        row.enabled = True
        ImageEngine.objects.bulk_update([row], ["enabled"])

    writes = [
        whole, columns, moved, another_kind, bulk_update,
        lambda: ImageEngine.objects.create(name="New", kind=kind),
        lambda: ImageEngine.objects.bulk_create([ImageEngine(name="New", kind=kind)]),
        lambda: ImageEngine.objects.update(enabled=True),
        lambda: ImageEngine.objects.filter(enabled=False).update(enabled=True),
        lambda: ImageEngine.objects.update_or_create(name="Studio", defaults={"enabled": True}),
    ]  # fmt: skip
    for write in writes:
        with pytest.raises(ValidationError, match="neither a connection nor an address"), transaction.atomic():
            write()
        row.refresh_from_db()
        assert not row.enabled
        assert not ImageEngine.objects.homeless().filter(enabled=True).exists()


def test_a_write_that_knows_a_deleted_connection_switches_nothing_on(through):
    stored, connection = through
    engine = ImageEngine.objects.get(pk=stored.pk)
    connection.delete()
    engine.enabled = True  # in memory it still has its connection
    with pytest.raises(ValidationError):
        engine.save(update_fields=["enabled"])


@pytest.mark.parametrize("destination", [True, False], ids=["may change destinations", "may not"])
def test_no_old_version_brings_an_engine_without_destination_back(client, through, destination):
    engine, connection = through
    version = engine.history.first()
    connection.delete()
    rights = ["view_imageengine", "change_imageengine", *(["change_imageengine_destination"] if destination else [])]
    helper = make_user("Helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(helper)
    page = client.get(version_url(engine, version))
    answer = client.post(version_url(engine, version), dict(filled.in_(page).lists()))
    assert "Enter an address, or choose a connection" in answer.content.decode()
    assert_it_leads_nowhere(engine)


def test_a_form_of_somebody_who_may_not_change_addresses_switches_nothing_on(client, left):
    helper = make_user("Helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_imageengine", "change_imageengine"]))
    client.force_login(helper)
    address = reverse(EDIT_PAGE, args=[left.pk])
    data = filled.in_(client.get(address))
    data["enabled"] = "on"
    assert "Enter an address, or choose a connection" in client.post(address, dict(data.lists())).content.decode()
    assert_it_leads_nowhere(left)


def test_nothing_runs_on_an_engine_without_destination(left, admin):
    caller = caller_for_user(admin)
    assert left not in access.engines_for(caller)
    with pytest.raises(ConfigurationError) as refused:
        engine_tests.draw(caller, left, "A kite")
    assert refused.value.code == "no_address"
    result = engine_tests.check(left, by=caller)
    assert (result.ok, "neither a connection nor an address" in result.message) == (False, True)
