"""Decoding of large pictures: within a budget, the first frame only, and never in the server's own process."""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from PIL import Image, features
from PIL.JpegImagePlugin import JpegImageFile

from chat.decoding import pictures as tasks
from chat.files import pictures
from imagegen import pictures as engine_pictures
from providers.errors import BadRequest, TooLarge
from tests.chat.decoding import weights
from tests.chat.files.test_rows import png
from tests.fixtures.process import ServerProcess

ADMIN = {"WEBUI_ADMIN_EMAIL": "admin@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}
FIFTY = weights.png()
ANIMATIONS = [
    "GIF",
    "PNG",
    *(["WEBP"] if features.check("webp") else []),
    *(["AVIF"] if features.check("avif") else []),
]
FRAMES = {form: weights.animation(form, 20, 300) for form in ANIMATIONS}


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
    small = opened(pictures.thumbnail(FRAMES[form], 128)).convert("RGB")
    assert small.size == (128, 128)
    assert max(small.getpixel((64, 64))) <= 3


@pytest.mark.parametrize("form", ANIMATIONS)
def test_a_model_gets_one_frame_of_an_animation(form):
    single = pictures.for_model(FRAMES[form])
    assert single is not None
    assert getattr(opened(single), "n_frames", 1) == 1


@pytest.mark.parametrize("form", ANIMATIONS)
def test_an_engine_gets_an_animation_whole_or_its_first_frame(form):
    taken = engine_pictures.accept(FRAMES[form])
    fitted = engine_pictures.fitted(taken, ("image/jpeg",))
    assert (fitted.content_type, fitted.width, fitted.height) == ("image/jpeg", 300, 300)
    assert max(opened(fitted.content).getpixel((150, 150))) <= 3


def test_a_large_gif_of_many_frames_stays_within_the_budget_of_an_edit():
    content = weights.animation("GIF", 20, 2_500)
    assert len(content) < 1_000_000
    taken = engine_pictures.accept(content)
    assert (taken.content_type, taken.width) == ("image/gif", 2_500)
    assert engine_pictures.fitted(taken, ("image/png",)).content_type == "image/png"


@pytest.mark.parametrize("content", [weights.commented_gif(40_000_000), png() + b"x" * 40_000_000])
def test_a_size_is_told_from_the_header_however_long_the_rest_is(content):
    facts = None
    try:
        facts = pictures.measure(content)
    except (BadRequest, TooLarge):
        assert content.startswith(b"GIF")  # a comment of 40 MB in front of the picture
    assert facts is None or facts.width in (1, 8)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak memory")
@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_thumbnails_asked_for_in_parallel_leave_the_server_small(server_process, server):
    site = server_process(server=server, env={**ADMIN, "WEBUI_DEMO": "false"}).start()
    key = {"Authorization": f"Bearer {site.create_api_key('admin@example.com')}"}
    contents = [FIFTY, weights.png(7000), weights.png(6900), weights.animation("GIF", 20, 4_000)]
    requests.get(f"{site.url}/accounts/login/", timeout=20)

    def upload(content: bytes) -> str:
        answer = requests.post(f"{site.url}/api/v1/files/", files={"file": content}, headers=key, timeout=60)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    ids = [upload(content) for content in contents]
    before = peak_megabytes(site)

    def thumbnail(asked: tuple[str, int]) -> requests.Response:
        file_id, width = asked
        return requests.get(f"{site.url}/api/v1/files/{file_id}/content?w={width}", headers=key, timeout=120)

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(thumbnail, [(file_id, width) for width in (128, 256) for file_id in ids]))

    assert {answer.status_code for answer in answers} <= {200, 503}
    assert {answer.headers["Retry-After"] for answer in answers if answer.status_code == 503} <= {"5"}
    assert sum(answer.status_code == 200 for answer in answers) >= 4
    assert peak_megabytes(site) - before < 60
    assert requests.get(f"{site.url}/healthz", timeout=20).status_code == 200
    decoders = decoders_of(site)
    assert 1 <= len(decoders) <= 2
    assert site.stop() == 0
    assert [folder for folder in decoders if folder.exists()] == []


def decoders_of(site: ServerProcess) -> list[Path]:
    """The workers of a server, as folders of /proc."""
    assert site.process is not None
    children = Path(f"/proc/{site.process.pid}/task").glob("*/children")
    folders = [Path("/proc") / pid for listed in children for pid in listed.read_text().split()]
    return [folder for folder in folders if b"chat.decoding.worker" in (folder / "cmdline").read_bytes()]


def peak_megabytes(site: ServerProcess) -> float:
    assert site.process is not None
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    assert peak is not None
    return int(peak[1]) / 1024
