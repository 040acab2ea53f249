"""Picture bytes: type detection, size before decoding, rotation, scaling, inverted masks."""

import io
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from imagegen import inputs, pictures
from providers.errors import BadRequest, CallerError, TooLarge
from tests.imagegen.drawing import request_images
from tests.upstream.pictures import png


def made(form: str, size=(32, 16), mode: str = "RGB", **options) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 200 if mode in ("L", "P") else None).save(out, form, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def bomb_png(width: int, height: int) -> bytes:
    """A tiny file whose header promises a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- sniffing and measuring ---


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (made("PNG"), "image/png"),
        (made("JPEG"), "image/jpeg"),
        (made("WEBP"), "image/webp"),
        (made("GIF", mode="P"), "image/gif"),
        (made("BMP"), "image/bmp"),
        (made("TIFF"), "image/tiff"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        (b"\xef\xbb\xbf<svg>", "image/svg+xml"),
        (b"", ""),
        (b"<html><svg></html>", ""),
        (b"%PDF-1.7", ""),
        (b"RIFF\0\0\0\0WAVE", ""),
    ],
)
def test_a_type_is_told_by_the_first_bytes(content, kind):
    assert pictures.sniff(content) == kind


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_known_and_becomes_a_png_for_models():
    content = made("AVIF")

    assert pictures.sniff(content) == "image/avif"
    assert pictures.accept(content).content_type == "image/png"


@given(st.binary(max_size=200))
def test_sniffing_never_fails(content):
    pictures.sniff(content)


def test_measuring_reads_the_header():
    assert pictures.measure(made("JPEG", (40, 30))) == pictures.Facts("image/jpeg", 40, 30)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (7_500, 7_500), (60_000, 2), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("call", [pictures.measure, pictures.accept, lambda content: pictures.thumbnail(content, 64)])
def test_bombs_are_refused_before_they_are_decoded(width, height, call):
    with pytest.raises(TooLarge) as caught:
        call(bomb_png(width, height))

    assert (caught.value.status, caught.value.code) == (413, "picture_too_large")


@pytest.mark.parametrize(
    "content", [b"", b"hello", png()[:60], b"\x89PNG\r\n\x1a\n", b'<svg onload="alert(1)"/>', b"GIF89a"]
)
@pytest.mark.parametrize("call", [pictures.accept, lambda content: pictures.thumbnail(content, 64)])
def test_what_cannot_be_read_is_a_bad_request(content, call):
    with pytest.raises(BadRequest) as caught:
        call(content)

    assert caught.value.code == "invalid_image"


@given(st.binary(min_size=1, max_size=300))
def test_garbage_behind_a_good_beginning_never_surprises(garbage):
    for beginning in (png(8, 8)[:40], made("JPEG")[:30], made("WEBP")[:24], made("GIF", mode="P")[:13]):
        try:
            pictures.accept(beginning + garbage)
        except (BadRequest, TooLarge):
            continue


# --- taking in ---


@pytest.mark.parametrize(("form", "mode"), [("PNG", "RGB"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("GIF", "P")])
def test_what_models_take_stays_as_it_is(form, mode):
    content = made(form, mode=mode)

    taken = pictures.accept(content, name="a")

    assert taken.content is content
    assert (taken.width, taken.height, taken.name) == (32, 16, "a")


@pytest.mark.parametrize("form", ["BMP", "TIFF"])
def test_other_forms_become_a_png(form):
    taken = pictures.accept(made(form))

    assert taken.content_type == "image/png"
    assert opened(taken.content).size == (32, 16)


def test_a_cameras_rotation_mark_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter

    taken = pictures.accept(made("JPEG", exif=exif))

    assert (taken.content_type, taken.width, taken.height) == ("image/jpeg", 16, 32)
    assert opened(taken.content).getexif().get(0x0112) is None


def test_a_picture_is_fitted_to_what_a_model_takes():
    gif = pictures.accept(made("GIF", mode="P"))

    assert pictures.fitted(gif, ("image/png", "image/jpeg")).content_type == "image/png"
    assert pictures.fitted(gif, ("image/gif",)) is gif
    assert pictures.fitted(gif, ()) is gif


# --- thumbnails ---


def test_a_thumbnail_is_a_small_webp():
    small = pictures.thumbnail(made("JPEG", (800, 400)), 200)

    assert (opened(small).format, opened(small).size) == ("WEBP", (200, 100))


def test_a_thumbnail_is_never_larger_than_the_picture():
    assert opened(pictures.thumbnail(made("PNG", (40, 30)), 200)).size == (40, 30)


def test_a_thumbnail_keeps_transparency_and_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 8

    assert opened(pictures.thumbnail(png(64, 64, alpha=True), 32)).mode == "RGBA"
    assert opened(pictures.thumbnail(made("JPEG", (64, 32), exif=exif), 64)).size == (32, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_a_picture_of_this_mode_can_be_made_small(mode):
    out = io.BytesIO()
    Image.new(mode, (64, 64)).save(out, "TIFF" if mode == "CMYK" else "PNG")

    assert opened(pictures.thumbnail(out.getvalue(), 16)).size == (16, 16)


# --- masks ---


def test_a_mask_keeps_its_transparency():
    picture = pictures.accept(png(64, 64))

    mask = pictures.accept_mask(png(64, 64, alpha=True), picture)

    assert mask.content_type == "image/png"
    assert opened(mask.content).getchannel("A").getextrema() == (0, 255)


def test_a_webp_mask_becomes_a_png():
    out = io.BytesIO()
    opened(png(64, 64, alpha=True)).save(out, "WEBP", lossless=True)

    mask = pictures.accept_mask(out.getvalue(), pictures.accept(png(64, 64)))

    assert pictures.sniff(mask.content) == "image/png"
    assert opened(mask.content).getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("content", [png(32, 64, alpha=True), png(64, 64), b"hello", bomb_png(20_000, 20_000)])
def test_a_mask_that_does_not_fit_or_marks_nothing_is_refused(content):
    with pytest.raises((BadRequest, TooLarge)):
        pictures.accept_mask(content, pictures.accept(png(64, 64)))


def test_turned_round_white_is_what_changes():
    mask = pictures.accept_mask(png(64, 64, alpha=True), pictures.accept(png(64, 64)))

    turned = opened(pictures.white_where_it_changes(mask))

    assert turned.mode == "L"
    assert (turned.getpixel((5, 5)), turned.getpixel((60, 5))) == (255, 0)  # the left half was transparent


# --- data URLs ---


def test_a_data_url_and_back():
    url = pictures.data_url(png())

    assert url.startswith("data:image/png;base64,iVBOR")
    assert pictures.from_data_url(url, max_bytes=10_000) == png()


@pytest.mark.parametrize("prefix", ["data:audio/wav;base64,", "data:;base64,", "DATA:image/PNG;name=x;BASE64,"])
def test_the_declared_type_is_not_believed(prefix):
    url = pictures.data_url(png()).partition(",")[2]

    assert pictures.from_data_url(prefix + url, max_bytes=10_000) == png()


@pytest.mark.parametrize("text", ["", "hello", "data:image/png,abc", "data:image/png;base64,§", "https://x/y.png"])
def test_what_is_no_data_url_is_a_bad_request(text):
    with pytest.raises(BadRequest) as caught:
        pictures.from_data_url(text, max_bytes=10_000)

    assert caught.value.param == "image"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("mask", "code"),
    [
        (pictures.data_url(png(32, 16)[:60], "image/png"), "invalid_image"),  # damaged
        (pictures.data_url(png(32, 16)), "invalid_request"),  # marks nothing
        (pictures.data_url(png(8, 8, alpha=True)), "invalid_request"),  # of another size
        (pictures.data_url(bomb_png(30_000, 30_000)), "picture_too_large"),
        ("data:image/png;base64," + "A" * 80_000, "picture_too_large"),
        (SimpleUploadedFile("mask.png", b"A" * 60_000), "picture_too_large"),
        (SimpleUploadedFile("mask.png", b""), "invalid_image"),
        (["a", "b"], "invalid_request"),
    ],
    ids=["damaged", "opaque", "other size", "bomb", "long URL", "large upload", "empty", "list"],
)
def test_a_mask_is_checked_like_a_picture_and_named(alice, engine_row, monkeypatch, mask, code):
    monkeypatch.setattr(inputs, "MAX_BYTES", 50_000)
    with pytest.raises(CallerError) as caught:
        request_images(alice, {"prompt": "a kite"}, images=[pictures.data_url(made("PNG"))], mask=mask)
    assert (caught.value.param, caught.value.code) == ("mask", code)


def test_a_data_url_that_is_too_long_is_refused_before_it_is_decoded():
    with pytest.raises(TooLarge):
        pictures.from_data_url("data:image/png;base64," + "A" * 20_000, max_bytes=10_000)
