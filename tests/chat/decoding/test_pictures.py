"""Decoding of large pictures: within a budget, the first frame only, and never in the server's own process."""

import io
from functools import cache

import pytest
from PIL import Image, features
from PIL.JpegImagePlugin import JpegImageFile

from chat.decoding import pictures as tasks
from chat.files import pictures
from imagegen import pictures as engine_pictures
from providers.errors import BadRequest, TooLarge
from tests.chat.decoding import weights
from tests.chat.files.test_rows import png

ADMIN = {"WEBUI_ADMIN_EMAIL": "admin@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}
ANIMATIONS = [
    "GIF",
    "PNG",
    *(["WEBP"] if features.check("webp") else []),
    *(["AVIF"] if features.check("avif") else []),
]


@cache
def frames(form: str) -> bytes:
    return weights.animation(form, 20, 300)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_fifty_megapixels_fit_into_the_budget(mode):
    content = weights.png(mode=mode)
    assert len(content) < 250_000
    assert opened(pictures.thumbnail(content, 128)).size == (128, 128)


def test_the_number_of_pixels_is_a_setting(settings):
    settings.PICTURE_MAX_PIXELS = 10_000
    assert pictures.measure(png(100, 100)).width == 100
    for call in (pictures.measure, pictures.for_model, lambda content: pictures.thumbnail(content, 64)):
        with pytest.raises(TooLarge) as caught:
            call(png(101, 100))
        assert (caught.value.status, caught.value.code) == (413, "picture_too_large")


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_is_decoded_at_a_fraction_of_its_size(monkeypatch, orientation):
    exif, out, decoded = Image.Exif(), io.BytesIO(), []
    exif[tasks.ORIENTATION] = orientation
    Image.new("RGB", (4000, 3000), "red").save(out, "JPEG", exif=exif)
    whole = JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, "load", lambda image: decoded.append(image.size) or whole(image))

    _values, small = tasks.thumbnail(out.getvalue(), pixels=50_000_000, width=256)

    assert opened(small).size == ((256, 341) if orientation == 6 else (256, 192))
    assert max(decoded[0]) <= 1000


@pytest.mark.parametrize("form", ANIMATIONS)
def test_of_an_animation_the_first_frame_is_shown(form):
    small = opened(pictures.thumbnail(frames(form), 128)).convert("RGB")
    assert small.size == (128, 128)
    assert max(small.getpixel((64, 64))) <= 3


@pytest.mark.parametrize("form", ANIMATIONS)
def test_a_model_gets_one_frame_of_an_animation(form):
    single = pictures.for_model(frames(form))
    assert single is not None
    assert getattr(opened(single), "n_frames", 1) == 1


@pytest.mark.parametrize("form", ANIMATIONS)
def test_an_engine_gets_an_animation_whole_or_its_first_frame(form):
    taken = engine_pictures.accept(frames(form))
    fitted = engine_pictures.fitted(taken, ("image/jpeg",))
    assert (fitted.content_type, fitted.width, fitted.height) == ("image/jpeg", 300, 300)
    assert max(opened(fitted.content).getpixel((150, 150))) <= 3


def test_a_large_gif_of_many_frames_stays_within_the_budget_of_an_edit():
    content = weights.animation("GIF", 20, 2_500)
    assert len(content) < 1_000_000
    taken = engine_pictures.accept(content)
    assert (taken.content_type, taken.width) == ("image/gif", 2_500)
    assert engine_pictures.fitted(taken, ("image/png",)).content_type == "image/png"


@pytest.mark.parametrize("make", [lambda: weights.commented_gif(40_000_000), lambda: png() + b"x" * 40_000_000])
def test_a_size_is_told_from_the_header_however_long_the_rest_is(make):
    content = make()
    facts = None
    try:
        facts = pictures.measure(content)
    except (BadRequest, TooLarge):
        assert content.startswith(b"GIF")  # a comment of 40 MB in front of the picture
    assert facts is None or facts.width in (1, 8)
