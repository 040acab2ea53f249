"""Memory per large picture: less than four times its size in every engine. Each engine runs in its own process."""

import base64
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.upstream import Reply, in_bytes
from tests.upstream.openai import EVENTS

ROOT = Path(__file__).parents[2]
SIZE = 12_000_000  # bytes of a 4-megapixel PNG that hardly compresses
LARGE = b"\x89PNG\r\n\x1a\n" + os.urandom(SIZE)
SMALL = LARGE[:4000]

DRAW = textwrap.dedent(
    """
    import re, sys
    from pathlib import Path

    import django
    django.setup()
    from imagegen.engines import ENGINES
    from imagegen.engines.base import EngineConfig, Run
    from imagegen.engines.events import Picture
    from imagegen.image_request import ImageRequest

    def peak():  # not `getrusage`: that begins with the parent's
        return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

    kind, url, model = sys.argv[1:]
    def draw():
        config = EngineConfig(url=url, secret="k", model=model)
        for event in ENGINES[kind].generate(config, ImageRequest(prompt="a red kite"), Run()):
            if isinstance(event, Picture):
                return len(event.content)

    small = draw()  # everything is imported and warm now
    before = peak()
    large = draw()
    print(small, large, peak() - before)
    """
)


def as_json(content: bytes) -> Reply:
    picture = base64.b64encode(content)
    return in_bytes(b'{"created": 1, "data": [{"b64_json": "' + picture + b'"}]}', "application/json")


def as_stream(content: bytes) -> Reply:
    picture = base64.b64encode(content)
    data = b'data: {"type": "image_generation.completed", "b64_json": "' + picture + b'"}\n\n'
    return Reply(200, EVENTS, steps=[data])


def as_candidate(content: bytes) -> Reply:
    data = base64.b64encode(content)
    part = b'{"inlineData": {"mimeType": "image/png", "data": "' + data + b'"}}'
    return in_bytes(b'{"candidates": [{"content": {"parts": [' + part + b"]}}]}", "application/json")


def as_chat(content: bytes) -> Reply:
    data = base64.b64encode(content)
    image = b'{"image_url": {"url": "data:image/png;base64,' + data + b'"}}'
    return Reply(200, EVENTS, steps=[b'data: {"choices": [{"delta": {"images": [' + image + b"]}}]}\n\n"])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak memory")
@pytest.mark.parametrize(
    ("kind", "model", "answer"),
    [
        ("openai", "gpt-image-2", as_json),
        ("openai", "gpt-image-2", as_stream),
        ("gemini", "gemini-3.1-flash-image", as_candidate),
        ("chatreply", "google/gemini-3.1-flash-image", as_chat),
    ],
)
def test_a_large_picture_needs_less_than_four_times_its_size(upstream, tmp_path, kind, model, answer):
    upstream.script(answer(SMALL), answer(LARGE))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "webui.settings", "DATA_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", DRAW, kind, upstream.url, model],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    small, large, grown = (int(number) for number in done.stdout.split())
    assert (small, large) == (len(SMALL), len(LARGE))
    assert grown < 4 * SIZE, f"{grown / SIZE:.2f} times the picture"
    print(f"{kind}: {grown / SIZE:.2f} times the picture")
