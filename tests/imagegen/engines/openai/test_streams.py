"""Image streams of OpenAI's shape that are nearly right: the picture is drawn, an error is told in its words."""

import base64
import json

import pytest

from imagegen.engines.base import EngineConfig
from imagegen.engines.openai import OpenAI
from providers.errors import ProviderError
from tests.imagegen.drawing import draw
from tests.upstream import Reply
from tests.upstream.openai import EVENTS
from tests.upstream.pictures import png

SMALL, LARGE = png(8, 8), png(200, 200, shade=7)


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.url, secret="sk-ours", model="gpt-image-2")


def drawn(content: bytes, kind: str) -> bytes:
    body = {"type": f"image_generation.{kind}", "b64_json": base64.b64encode(content).decode()}
    return json.dumps(body).encode()


STREAMS = {
    "a byte order mark": b"\xef\xbb\xbfdata: %p\n\ndata: %c\n\n",
    "single line ends": b"data: %p\ndata: %c\n",
    "single line ends behind names": b"event: x\ndata: %p\nevent: y\ndata: %c\n",
    "CRLF": b"data: %p\r\ndata: %c\r\ndata: [DONE]\r\n",
    "ping": b"data: ping\n\ndata: %p\n\ndata: ping\ndata: %c\n\n",
    "keep-alive": b"data: keep-alive\n\n: keep-alive\n\ndata: %p\n\ndata: keep-alive\n\ndata: %c\n\n",
    "heartbeat": b"data: [heartbeat]\n\ndata: %p\n\ndata: [heartbeat]\n\ndata: %c\n\ndata: [DONE]\n\n",
    "NaN": b'data: {"usage": {"input_tokens": NaN}, "type": "image_generation.queued"}\n\ndata: %p\n\ndata: %c\n\n',
    "no last line end": b"data: %p\n\ndata: %c",
}


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["short", "long"])
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_picture_in_a_stream_that_is_nearly_right_is_drawn(config, upstream, stream, content):
    body = stream.replace(b"%p", drawn(content, "partial_image")).replace(b"%c", drawn(content, "completed"))
    upstream.script(Reply(200, EVENTS, body))

    drawing = draw(OpenAI(), config)

    assert [one.content for one in drawing.pictures] == [content]
    assert [one.preview for one in drawing.progress] == [content]


ERRORS = {
    "a field of that name": b'data: %p\n\nerror: {"code": 500, "message": "Out of memory."}\n\n',
    "single line ends": b'data: %p\nerror: {"message": "Out of memory."}\n',
    "an event of that name": b'data: %p\n\nevent: error\ndata: {"message": "Out of memory."}\n\n',
    "a type": b'data: %p\n\ndata: {"type": "error", "message": "Out of memory."}\n\n',
    "words alone": b"data: Out of memory.\n\n",
}


@pytest.mark.parametrize("stream", ERRORS.values(), ids=ERRORS)
def test_an_error_in_mid_stream_is_told_in_the_providers_words(config, upstream, stream):
    upstream.script(Reply(200, EVENTS, stream.replace(b"%p", drawn(SMALL, "partial_image"))))

    with pytest.raises(ProviderError) as caught:
        draw(OpenAI(), config)

    assert caught.value.provider == "Out of memory."


def test_a_stream_that_ends_after_a_preview_was_cut_off(config, upstream):
    upstream.script(Reply(200, EVENTS, b"data: %s\n\n: ping\n\n" % drawn(SMALL, "partial_image")))

    with pytest.raises(ProviderError) as caught:
        draw(OpenAI(), config)

    assert (caught.value.code, caught.value.retryable) == ("stream_cut", True)
