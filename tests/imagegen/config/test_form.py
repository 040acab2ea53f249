"""Keys in the flat form: a stored key is never sent to another server than the one it was entered for."""

import pytest

from imagegen import config
from imagegen.models import ImageEngine, ImageSettings

pytestmark = pytest.mark.django_db

KEY = "sk-for-the-first-server"
MASK = "••••rver"
FIRST, SECOND = "https://first.example/v1", "https://second.example/v1"
# The keys of the form that hold an address, with the key that belongs to it.
PAIRS = [
    ("IMAGES_OPENAI_API_BASE_URL", "IMAGES_OPENAI_API_KEY"),
    ("IMAGES_GEMINI_API_BASE_URL", "IMAGES_GEMINI_API_KEY"),
    ("AUTOMATIC1111_BASE_URL", "AUTOMATIC1111_API_AUTH"),
    ("COMFYUI_BASE_URL", "COMFYUI_API_KEY"),
    ("IMAGES_EDIT_OPENAI_API_BASE_URL", "IMAGES_EDIT_OPENAI_API_KEY"),
    ("IMAGES_EDIT_GEMINI_API_BASE_URL", "IMAGES_EDIT_GEMINI_API_KEY"),
    ("IMAGES_EDIT_COMFYUI_BASE_URL", "IMAGES_EDIT_COMFYUI_API_KEY"),
]


def test_every_pair_of_address_and_key_stands_here():
    from imagegen.config.form import KEYS

    assert {name for name, key in KEYS.items() if key.column in ("url", "secret")} == {
        one for pair in PAIRS for one in pair
    }


@pytest.mark.parametrize(("address", "key"), PAIRS)
def test_a_mask_takes_no_key_to_another_server_and_the_answer_says_so(address, key):
    config.update({address: FIRST, key: KEY})
    saved = config.update({address: SECOND, key: MASK})
    assert (saved[address], saved[key]) == (SECOND, "")
    assert "removed" in saved["notices"][0]
    assert not ImageEngine.objects.exclude(secret="").exists()
    assert "notices" not in config.update(saved)


@pytest.mark.parametrize(("address", "key"), PAIRS)
def test_a_mask_keeps_the_key_at_the_same_server(address, key):
    config.update({address: FIRST, key: KEY})
    saved = config.update({address: "https://first.example/v2", key: MASK})
    assert saved[key] == MASK
    assert "notices" not in saved


@pytest.mark.parametrize(("address", "key"), PAIRS)
def test_a_key_that_is_entered_with_the_address_stays(address, key):
    config.update({address: FIRST, key: KEY})
    saved = config.update({address: SECOND, key: KEY})
    assert (saved[address], saved[key]) == (SECOND, MASK)


@pytest.mark.parametrize(("url", "kept"), [("https://first.example/v2", MASK), (SECOND, "")])
def test_an_engine_for_edits_borrows_the_key_of_its_own_server_alone(url, kept):
    ImageEngine.objects.create(name="Both", kind="openai", url=FIRST, secret=KEY)
    saved = config.update({"IMAGES_EDIT_OPENAI_API_KEY": MASK, "IMAGES_EDIT_OPENAI_API_BASE_URL": url})
    assert saved["IMAGES_EDIT_OPENAI_API_KEY"] == kept
    assert ("notices" in saved) is not bool(kept)
    assert ImageEngine.objects.get(purpose="edit").secret == (KEY if kept else "")


def test_an_engine_for_edits_borrows_nothing_that_is_about_to_be_dropped():
    ImageEngine.objects.create(name="Both", kind="openai", url=FIRST, secret=KEY)
    config.update(
        {
            "IMAGES_EDIT_OPENAI_API_BASE_URL": SECOND,
            "IMAGES_EDIT_OPENAI_API_KEY": MASK,
            "IMAGES_OPENAI_API_BASE_URL": SECOND,
            "IMAGES_OPENAI_API_KEY": MASK,
        }
    )
    assert not ImageEngine.objects.exclude(secret="").exists()


def test_the_form_that_is_shown_may_be_sent_back():
    row = ImageEngine.objects.create(name="Both", kind="openai", url=FIRST, secret=KEY)
    ImageSettings.objects.create(pk=1, engine=row, edit_engine=row)
    shown = config.read()
    assert config.update(shown) == shown
    assert ImageEngine.objects.get().secret == KEY


# --- JSON as text -----------------------------------------------------------------------------------------------------


def keys_with_json():
    from imagegen.config import form

    return [name for name, key in form.KEYS.items() if key.read in (form.mapping, form.graph, form.nodes)]


@pytest.mark.parametrize("name", keys_with_json())
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ('{"a":' * 1000 + "1" + "}" * 1000, "nested too deeply"),
        ('{"a": NaN, "b": %s}' % ("9" * 5000), "cannot be stored"),
        (r'{"a": "\u0000"}', "cannot be stored"),
    ],
    ids=["lists", "objects", "a number", "NUL"],
)
def test_json_in_the_flat_form_that_cannot_be_stored_names_its_key(client, admin, name, text, words):
    client.force_login(admin)
    refused = client.post("/api/v1/images/config/update", {name: text}, content_type="application/json")
    assert refused.status_code == 400, refused.content
    assert name in refused.json()["detail"]
    assert words in refused.json()["detail"]


def test_a_large_number_in_the_flat_form_can_be_read_again(client, admin):
    client.force_login(admin)
    for name in ("AUTOMATIC1111_PARAMS", "IMAGES_OPENAI_API_PARAMS"):
        sent = {name: {"seed": 10**23}}
        assert client.post("/api/v1/images/config/update", sent, content_type="application/json").status_code == 200
    assert client.get("/api/v1/images/config").status_code == 200
    row = ImageEngine.objects.first()
    assert client.get(f"/admin/imagegen/imageengine/{row.pk}/change/").status_code == 200
