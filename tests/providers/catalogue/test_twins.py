"""Two rows where one seems to be meant: whoever saves the second is told, whichever way it was saved."""

import pytest

from imagegen.config import form as image_form
from imagegen.models import ImageEngine, ImageSettings
from providers import config
from providers.catalogue.twins import twin_words
from providers.models import Connection
from tests.people import make_key
from tests.webui.admin import filled

pytestmark = pytest.mark.django_db
URL, KEY, OTHER = "http://up.invalid/v1", "sk-upstream-0123456789", "sk-another-0123456789"


def make(name="First", url=URL, **columns):
    return Connection.objects.create(**{"name": name, "base_url": url, "secret": KEY, **columns})


@pytest.mark.parametrize(("columns", "words"), [
    ({"name": "First"}, "with the name and address of “First”"),
    ({"name": "FIRST", "secret": "another"}, "with the name and address of “FIRST”"),
    ({"name": "Second"}, "“First” has the address and key of “Second” too"),
    ({"name": "Second", "url": f"{URL}/"}, "“First” has the address and key of “Second” too"),
    ({"name": "First", "url": "http://other.invalid/v1"}, "another entry called “First”"),
    ({"name": "Second", "secret": "another"}, ""),
    ({"name": "Second", "prefix_id": "work"}, ""),
    ({"name": "Second", "model_ids": ["a"]}, ""),
    ({"name": "Second", "url": "http://other.invalid/v1"}, ""),
])  # fmt: skip
def test_a_second_row_is_told_where_one_seems_to_be_meant(columns, words):
    first = make()
    assert twin_words(first) == ""
    told = twin_words(make(**columns))
    assert words in told if words else told == ""


@pytest.mark.parametrize(("secret", "more", "alike"), [(KEY, OTHER, True), (OTHER, KEY, True), (KEY, "", False)])
def test_further_keys_count_in_whatever_order(secret, more, alike):
    make(more_keys={"••••1": OTHER})
    second = make(name="Second", secret=secret, more_keys={"••••2": more} if more else {})
    assert bool(twin_words(second)) is alike


@pytest.mark.parametrize(("columns", "told"), [({}, True), ({"model": "m"}, False), ({"purpose": "edit"}, False)])
def test_two_engines_that_draw_alike_are_told(columns, told):
    values = {"kind": "openai", "url": URL, "secret": KEY}
    ImageEngine.objects.create(name="First", **values)
    assert bool(twin_words(ImageEngine.objects.create(name="Second", **{**values, **columns}))) is told


def test_engines_without_an_address_are_no_twins():
    ImageEngine.objects.create(name="First", kind="placeholder")
    assert twin_words(ImageEngine.objects.create(name="Second", kind="placeholder")) == ""


@pytest.mark.parametrize("names", [{}, {"0": {"name": "Same"}, "1": {"name": "Same"}}], ids=["unnamed", "named"])
def test_the_flat_form_tells_of_two_equal_entries(client, admin, names):
    form = {"OPENAI_API_BASE_URLS": [URL, URL], "OPENAI_API_KEYS": [KEY, KEY], "OPENAI_API_CONFIGS": names}
    headers = {"authorization": f"Bearer {make_key(admin)}"}
    saved = client.post("/openai/config/update", form, content_type="application/json", headers=headers)
    notices = saved.json()["notices"]
    assert any(text.startswith("OPENAI_API_BASE_URLS.1: ") and "Delete one of them" in text for text in notices)
    assert Connection.objects.count() == 2
    assert {name for name in saved.json() if name != "notices"} == set(config.read())
    again = client.post("/openai/config/update", saved.json(), content_type="application/json", headers=headers)
    assert "notices" not in again.json()


def test_the_flat_form_of_pictures_tells_it_too():
    ImageEngine.objects.create(name="First", kind="openai", url=URL, secret=KEY)
    second = ImageEngine.objects.create(name="Second", kind="openai", url="http://other.invalid/v1", secret=KEY)
    ImageSettings.objects.create(pk=1, engine=second)
    saved = image_form.update({"IMAGES_OPENAI_API_BASE_URL": URL, "IMAGES_OPENAI_API_KEY": KEY})
    assert "“First” has the address and key of “Second” too" in saved["notices"][0]


def test_the_administration_tells_it_when_a_row_is_saved(client, admin):
    client.force_login(admin)
    make()
    address = f"/admin/providers/connection/{make(name='Second').pk}/change/"
    page = client.post(address, dict(filled.in_(client.get(address)).lists()), follow=True)
    assert any("has the address and key of" in str(message) for message in page.context["messages"])
