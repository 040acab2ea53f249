"""Fixtures of the image tests: an engine at the scripted upstream, enabled, and a file store per test."""

import pytest


@pytest.fixture
def store(settings, tmp_path):
    """The file store, in a folder of the test's own."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}},
    }
    return tmp_path


@pytest.fixture
def make_engine(db, store):
    """Makes an engine row; drawing and editing are switched on."""
    from imagegen.models import ImageEngine, ImageSettings

    image_settings = ImageSettings.load()
    image_settings.enabled = image_settings.edit_enabled = True
    image_settings.save()

    def make(**members):
        values = {"name": "Studio", "kind": "openai", "secret": "sk-ours", "model": "gpt-image-2"}
        if not members.keys() & {"connection", "url", "enabled"}:
            values["url"] = "http://engine.invalid/v1"
        return ImageEngine.objects.create(**{**values, "options": {"partial_images": 0}, **members})

    return make


@pytest.fixture
def engine_row(make_engine, upstream):
    """An engine of OpenAI's kind at the scripted upstream."""
    return make_engine(url=upstream.url)
