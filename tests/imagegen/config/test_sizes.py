"""The size `auto` in the flat form: accepted only for models that choose their size."""

import pytest

from imagegen import config
from imagegen.models import ImageEngine, ImageSettings
from providers.errors import BadRequest

pytestmark = pytest.mark.django_db

KEY = "sk-for-the-first-server"
FIRST = "https://first.example/v1"


@pytest.mark.parametrize(
    ("engine", "model"),
    [
        ("openai", "dall-e-3"),
        ("openai", "dall-e-2"),
        ("openai", "some-model"),
        ("openai", "azure/dall-e-3"),
        ("automatic1111", "sd-xl"),
        ("automatic1111", ""),
        ("comfyui", "flux"),
    ],
)
@pytest.mark.parametrize("purpose", ["IMAGE_GENERATION", "IMAGE_EDIT"])
def test_auto_is_no_size_of_a_model_that_cannot_choose(engine, model, purpose):
    size = "IMAGE_SIZE" if purpose == "IMAGE_GENERATION" else "IMAGE_EDIT_SIZE"
    with pytest.raises(BadRequest) as caught:
        config.update({f"{purpose}_ENGINE": engine, f"{purpose}_MODEL": model, size: "auto"})
    assert caught.value.param == size
    assert caught.value.message.startswith(size)
    assert not ImageEngine.objects.exists()


@pytest.mark.parametrize(
    ("engine", "model"),
    [
        ("openai", "gpt-image-2"),
        ("openai", "openai/gpt-image-2"),
        ("openai", ""),
        ("gemini", "gemini-3.1-flash-image"),
        ("placeholder", ""),
    ],
)
def test_auto_is_a_size_of_a_model_that_can(engine, model):
    form = {"IMAGE_GENERATION_ENGINE": engine, "IMAGE_GENERATION_MODEL": model, "IMAGE_SIZE": "auto"}
    assert config.update(form)["IMAGE_SIZE"] == "auto"


def test_a_model_without_auto_does_not_follow_one_that_has_it():
    form = {"IMAGE_GENERATION_ENGINE": "openai", "IMAGE_GENERATION_MODEL": "gpt-image-2", "IMAGE_SIZE": "auto"}
    config.update(form)
    with pytest.raises(BadRequest) as caught:
        config.update({"IMAGE_GENERATION_MODEL": "dall-e-3"})
    assert caught.value.param == "IMAGE_SIZE"
    assert ImageEngine.objects.get().model == "gpt-image-2"
    assert config.update({"IMAGE_GENERATION_MODEL": "dall-e-3", "IMAGE_SIZE": "1024x1024"})["IMAGE_SIZE"] == "1024x1024"


def test_an_older_row_with_auto_can_still_be_changed_otherwise():
    row = ImageEngine.objects.create(name="Old", kind="openai", url=FIRST, model="dall-e-3", size="auto")
    ImageSettings.objects.create(pk=1, engine=row)
    assert config.update({**config.read(), "IMAGES_OPENAI_API_KEY": KEY})["IMAGE_SIZE"] == "auto"


def test_a_row_may_say_that_its_server_knows_auto():
    row = ImageEngine.objects.create(name="More", kind="openai", url=FIRST, model="own", capabilities={"auto": True})
    ImageSettings.objects.create(pk=1, engine=row)
    assert config.update({"IMAGE_SIZE": "auto"})["IMAGE_SIZE"] == "auto"
