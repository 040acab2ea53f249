"""Addresses of engines: the connection's or their own, never a public default that nobody entered."""

import pytest
from django.urls import reverse

from imagegen import rows
from imagegen.admin.forms import ImageEngineForm
from imagegen.config import form as flat
from imagegen.models import ImageEngine, ImageSettings
from providers import config as connections
from providers.errors import ConfigurationError
from tests.people import make_connection

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
    row = ImageEngine.objects.create(name="Studio", kind=kind)
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
