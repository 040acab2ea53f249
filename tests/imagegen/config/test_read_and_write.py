"""The flat form read and written back unchanged changes no row, for any set of engines."""

import json
from itertools import product

import pytest

from imagegen.config import first_rows, form
from imagegen.engines import ENGINES
from imagegen.models import ImageEngine, ImageSettings
from providers.models import GatewaySettings
from tests.people import make_connection

pytestmark = pytest.mark.django_db
Purpose = ImageEngine.Purpose


def everything():
    """The values of all rows that the form may change, and the number of their changes."""
    columns = [field.attname for field in ImageEngine._meta.concrete_fields if field.name != "updated"]
    return (
        list(ImageEngine.objects.order_by("pk").values(*columns)),
        list(ImageSettings.objects.values()),
        list(GatewaySettings.objects.values()),
        ImageEngine.history.count(),
        ImageSettings.history.count(),
    )


def add(kind, purpose, number=1, **values):
    own = (
        {"url": f"http://{kind}-{number}.invalid", "secret": f"sk-{kind}-{number}-0123456789"}
        if kind != "placeholder"
        else {}
    )
    return ImageEngine.objects.create(
        name=f"{kind} {purpose} {number}", kind=kind, purpose=purpose, position=number, **{**own, **values}
    )


def assert_nothing_changes():
    before = everything()
    form.update(form.read())
    assert everything() == before


def test_a_site_that_was_just_made():
    first_rows.fill_from_environment()
    assert ImageEngine.objects.filter(demo=True).count() == 1
    GatewaySettings.load()
    assert_nothing_changes()


@pytest.mark.parametrize(("kind", "purpose"), list(product(ENGINES, Purpose.values)))
def test_one_engine_for_one_purpose_or_both(kind, purpose):
    row = add(kind, purpose, model="m", size="512x512", steps=20, params={"quality": "high"})
    used = {"engine": row if purpose != "edit" else None, "edit_engine": row if purpose != "generate" else None}
    ImageSettings.objects.update_or_create(pk=1, defaults=used)
    GatewaySettings.load()
    assert_nothing_changes()


@pytest.mark.parametrize(("drawing", "editing"), list(product(ENGINES, ENGINES)))
def test_an_engine_to_draw_and_another_to_edit(drawing, editing):
    used = {"engine": add(drawing, "generate"), "edit_engine": add(editing, "edit", 2)}
    ImageSettings.objects.update_or_create(pk=1, defaults=used)
    GatewaySettings.load()
    assert_nothing_changes()


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_several_profiles_of_one_kind(chosen):
    engines = [add("openai", purpose, number) for number, purpose in enumerate(("both", "both", "edit"))]
    add("comfyui", "both", workflow={"1": {"class_type": "A", "inputs": {}}}, nodes=[])
    row = engines[chosen]
    used = {"engine": row if row.purpose != "edit" else engines[0], "edit_engine": row}
    ImageSettings.objects.update_or_create(pk=1, defaults=used)
    GatewaySettings.load()
    assert_nothing_changes()


@pytest.mark.parametrize("kind", ["openai", "gemini", "chatreply"])
def test_an_engine_that_draws_through_a_connection(kind):
    connection = make_connection("http://inhouse.invalid/v1", "m1")
    row = add(kind, "both", url="", secret="", connection=connection)
    ImageSettings.objects.update_or_create(pk=1, defaults={"engine": row, "edit_engine": row})
    GatewaySettings.load()
    assert_nothing_changes()


def test_no_engine_at_all():
    ImageSettings.load()
    GatewaySettings.load()
    assert_nothing_changes()


@pytest.mark.parametrize(("kind", "purpose"), list(product(ENGINES, Purpose.values)))
@pytest.mark.parametrize("enabled", [True, False])
def test_engines_of_which_none_is_the_default(kind, purpose, enabled):
    add(kind, purpose, model="m", size="512x512", steps=20, enabled=enabled)
    ImageSettings.objects.update_or_create(pk=1, defaults={"engine": None, "edit_engine": None})
    GatewaySettings.load()
    assert_nothing_changes()


def test_an_empty_name_with_a_new_address_still_means_automatic1111():
    add("automatic1111", "generate")
    ImageSettings.load()
    form.update({"IMAGE_GENERATION_ENGINE": "", "AUTOMATIC1111_BASE_URL": "http://new.invalid"})
    assert ImageSettings.load().engine.kind == "automatic1111"
    assert ImageSettings.load().engine.url == "http://new.invalid"


# Columns as other programs and earlier versions may have stored them. None of them can be entered.
ODD = {
    "url": "ftp://Nowhere/v1/", "secret": " sk-with-spaces-0123456789 ", "version": " 2025 ", "method": "gone",
    "model": " m ", "size": "17 by 4", "steps": 0, "params": ["no mapping"], "workflow": {"nodes": [], "links": []},
    "nodes": [{"no": "node"}],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "purpose"), list(product([*ENGINES, "gone"], Purpose.values)))
def test_odd_values_stay_as_they_are_stored(kind, purpose):
    row = add("placeholder", purpose)
    used = {"engine": row if purpose != "edit" else None, "edit_engine": row if purpose != "generate" else None}
    texts = {"prompt_template": " {{prompt}}\n"}
    ImageSettings.objects.update_or_create(pk=1, defaults={**used, **texts})
    GatewaySettings.objects.update_or_create(pk=1, defaults={"task_model": " m ", "task_model_external": "\n"})
    for odd in ({}, *({name: value} for name, value in ODD.items()), ODD):
        ImageEngine.objects.filter(pk=row.pk).update(**{"kind": kind, "url": "http://e.invalid", **odd})
        assert_nothing_changes()


def test_a_wrong_value_of_earlier_can_be_mended():
    row = add("gemini", "both")
    ImageSettings.objects.update_or_create(pk=1, defaults={"engine": row, "edit_engine": row})
    ImageEngine.objects.filter(pk=row.pk).update(method="gone", size="17 by 4")
    form.update({**form.read(), "IMAGES_GEMINI_ENDPOINT_METHOD": "predict"})
    row.refresh_from_db()
    assert (row.method, row.size) == ("predict", "17 by 4")


def test_nothing_stored_stays_nothing():
    form.update(form.read())
    assert not ImageSettings.objects.exists()
    assert not GatewaySettings.objects.exists()


@pytest.mark.parametrize(
    ("kind", "column", "key", "stored", "sent"),
    [
        ("automatic1111", "params", "AUTOMATIC1111_PARAMS", {"tiling": 1}, {"tiling": True}),
        (
            "comfyui",
            "workflow",
            "COMFYUI_WORKFLOW",
            {"1": {"class_type": "A", "inputs": {"on": 0}, "_meta": {}}},
            {"1": {"class_type": "A", "inputs": {"on": False}, "_meta": {}}},
        ),
    ],
)
def test_a_number_that_becomes_true_or_false_is_a_change(kind, column, key, stored, sent):
    row = add(kind, "both", **{column: stored})
    ImageSettings.objects.update_or_create(pk=1, defaults={"engine": row, "edit_engine": row})
    form.update({**form.read(), key: sent})
    row.refresh_from_db()
    assert json.dumps(getattr(row, column)) == json.dumps(sent)
