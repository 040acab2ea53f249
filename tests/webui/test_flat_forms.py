"""Every flat form of the site over HTTP: read and sent back it changes nothing; two programs do not undo each other."""

import re

import pytest
from django.apps import apps

from imagegen.config import form as image_form
from imagegen.models import ImageEngine, ImageSettings
from providers.config import form as connection_form
from providers.models import Connection, GatewaySettings
from tests.people import make_key, make_user
from tests.webui.admin import site_rows
from tests.webui.schema import routes

pytestmark = pytest.mark.django_db(transaction=True)  # the use of a key is written in the background
# The change of each form that the tests send: in both directions, so that there always is one.
SWITCHES = {"/openai/config": "ENABLE_OPENAI_API", "/api/v1/images/config": "ENABLE_IMAGE_EDIT"}


def flat_forms():
    """The addresses that show a form whose own `/update` saves it."""
    templates = {route.template for route in routes.of_the_site()}
    return sorted(template for template in templates if f"{template}/update" in templates)


def test_every_flat_form_is_tried():
    assert flat_forms() == sorted(SWITCHES)


def histories():
    return [model for model in apps.get_models() if getattr(getattr(model, "history", None), "model", None)]


def everything():
    """The values of every row that keeps a history, their relations, and all of their versions."""
    rows = {model._meta.label: list(model._base_manager.order_by("pk").values()) for model in histories()}
    links = {
        field.remote_field.through._meta.label: list(field.remote_field.through._base_manager.order_by("pk").values())
        for model in histories()
        for field in model._meta.many_to_many
    }
    return rows | links, {model._meta.label: model.history.count() for model in histories()}


@pytest.fixture
def send(client, admin):
    key = make_key(admin)

    def send(method, path, body=None, **headers):
        headers = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return getattr(client, method)(path, body, content_type="application/json", headers=headers)

    return send


@pytest.mark.parametrize("stored", ["nothing", "rows"])
@pytest.mark.parametrize("path", sorted(SWITCHES))
def test_a_flat_form_read_and_sent_back_changes_nothing(send, path, stored):
    if stored == "rows":
        site_rows.fill(owner=make_user("Owner"))
        Connection.objects.update(api_version="2024-10-21")
    before = everything()
    shown = send("get", path)
    assert everything() == before
    saved = send("post", f"{path}/update", shown.json())
    assert (saved.status_code, saved.json()) == (200, shown.json())
    assert everything() == before


@pytest.mark.parametrize("path", sorted(SWITCHES))
def test_a_form_of_before_somebody_elses_change_is_refused(send, path):
    first, second = send("get", path), send("get", path)
    assert re.fullmatch(r'"[0-9a-f]{32}"', first["ETag"])
    name = SWITCHES[path]
    changed = {**second.json(), name: not second.json()[name]}
    theirs = send("post", f"{path}/update", changed, if_match=second["ETag"])
    assert theirs.status_code == 200
    refused = send("post", f"{path}/update", first.json(), if_match=f"W/{first['ETag']}")
    assert refused.status_code == 412
    assert "Somebody changed these settings" in refused.content.decode()
    assert send("get", path).json()[name] == changed[name]
    assert send("post", f"{path}/update", first.json(), if_match=theirs["ETag"]).status_code == 200


# The module of each form, and somebody else's change of its switch.
MODULES = {"/openai/config": connection_form, "/api/v1/images/config": image_form}
THEIRS = {
    "/openai/config": lambda: GatewaySettings.objects.update_or_create(pk=1, defaults={"enable_openai_api": False}),
    "/api/v1/images/config": lambda: ImageSettings.objects.update_or_create(pk=1, defaults={"edit_enabled": False}),
}


@pytest.mark.parametrize(("method", "suffix", "number"), [("get", "", 1), ("post", "/update", 2)])
@pytest.mark.parametrize("path", sorted(SWITCHES))
def test_a_mark_is_that_of_the_values_beside_it(send, monkeypatch, path, method, suffix, number):
    """Somebody's change right after the values were read, the `number`th reading of the request."""
    ImageSettings.objects.update_or_create(pk=1, defaults={"edit_enabled": True})
    body = send("get", path).json() if method == "post" else None
    readings, read = [], MODULES[path].read

    def read_before_a_change():
        readings.append(read())
        if len(readings) == number:
            THEIRS[path]()
        return readings[-1]

    with monkeypatch.context() as patched:
        patched.setattr(MODULES[path], "read", read_before_a_change)
        shown = send(method, f"{path}{suffix}", body)
    assert shown.json()[SWITCHES[path]] is True
    assert send("post", f"{path}/update", shown.json(), if_match=shown["ETag"]).status_code == 412
    assert send("get", path).json()[SWITCHES[path]] is False


@pytest.mark.parametrize("path", sorted(SWITCHES))
def test_a_form_without_a_mark_is_saved_as_before(send, path):
    name = SWITCHES[path]
    shown = send("get", path).json()
    assert send("post", f"{path}/update", {**shown, name: not shown[name]}).json()[name] is not shown[name]


@pytest.mark.parametrize("path", sorted(SWITCHES))
def test_a_new_secret_with_the_same_mask_is_another_form(send, path):
    connection = Connection.objects.create(name="C", base_url="http://c.invalid/v1", secret="sk-first-0123456789")
    engine = ImageEngine.objects.create(name="E", kind="openai", url="http://e.invalid", secret="sk-first-0123456789")
    before = send("get", path)
    for row in (connection, engine):
        row.enter("secret", "sk-other-0123456789")
        row.save()
    after = send("get", path)
    assert after.json() == before.json()
    assert after["ETag"] != before["ETag"]


def test_reading_makes_no_settings(send):
    for path in flat_forms():
        send("get", path)
    assert not GatewaySettings.objects.exists()
    assert not ImageSettings.objects.exists()
