"""Streams of the OpenAI dialect: limits on the size and number of frames."""

from itertools import repeat

import pytest

from imagegen.engines import dialect
from providers.errors import ProviderError


class Response:
    """A response whose body has no end."""

    def __init__(self, *pieces):
        self.pieces, self.taken = pieces, 0

    def iter_bytes(self):
        *first, last = self.pieces
        for piece in (*first, *repeat(last, 10**6)):
            self.taken += len(piece)
            yield piece


@pytest.mark.parametrize(
    "response",
    [
        Response(b"data: ", b"x" * 1_000),
        Response(b"data: xxxxxxxxxx\n"),
        Response(b'data: {"type": "image_generation.partial_image"}\n\n'),
    ],
)
def test_a_stream_without_an_end_is_read_up_to_the_bound(monkeypatch, response):
    monkeypatch.setattr(dialect, "MAX_FRAME", 100_000)
    monkeypatch.setattr(dialect, "MAX_FRAMES", 1_000)
    with pytest.raises(ProviderError) as refused:
        list(dialect.frames(response))
    assert refused.value.code == "answer_too_large"
    assert response.taken < 200_000


def frames_of(stream: bytes, piece: int) -> list:
    class Whole:
        def iter_bytes(self):
            return (stream[start : start + piece] for start in range(0, len(stream), piece))

    return list(dialect.frames(Whole()))


A_AND_B = {
    "as it should be": b'data: {"a": 1}\n\ndata: {"b": 2}\n\ndata: [DONE]\n\n',
    "several lines of data": b'data: {"a":\ndata: 1}\n\ndata: {"b": 2}\r\n\r\ndata: [DONE]\n\n',
    "lines that end within an object": b'data: {"a": 1\ndata: }\n\ndata: {\ndata: "b":\ndata: 2}\n\n',
    "a byte order mark": b'\xef\xbb\xbfdata: {"a": 1}\n\ndata: {"b": 2}\n\n',
    "a byte order mark before the value": b'data: \xef\xbb\xbf{"a": 1}\n\ndata: {"b": 2}\n\n',
    "single line ends": b'data: {"a": 1}\ndata: {"b": 2}\ndata: [DONE]\n',
    "single line ends, CRLF": b'data: {"a": 1}\r\ndata: {"b": 2}\r\ndata: [DONE]\r\n',
    "no last line end": b'data:{"a": 1}\ndata:{"b": 2}',
    "a name before each": b'event: x\ndata: {"a": 1}\nevent: y\ndata: {"b": 2}\n',
    "signs of life": b'data: ping\n\ndata: {"a": 1}\n\ndata: keep-alive\n\ndata: [heartbeat]\n\ndata: {"b": 2}\n\n',
    "signs of life, single line ends": b'data: ping\ndata: {"a": 1}\ndata: ping\ndata: ping\ndata: {"b": 2}\n',
    "many signs of life": b"data: ping\n\n" * 50 + b'data: {"a": 1}\n\ndata: {"b": 2}\n\n',
    "comments and other fields": b': hi\nid: 1\nretry: 5\ndata: {"a": 1}\n\ndata\ndata: {"b": 2}\n\n',
    "values that are no objects": b'data: 7\n\ndata: "x"\n\ndata: {"a": 1}\n\ndata: null\n\ndata: {"b": 2}\n\n',
    "characters that are no JSON": b'data: {"a": 1, "c": NaN}\n\ndata: {"b": 2}\n\n',
}


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize("stream", A_AND_B.values(), ids=A_AND_B)
def test_frames_that_are_nearly_right_are_read(stream, piece):
    assert [{name: value for name, value in frame.items() if value} for frame in frames_of(stream, piece)] == [
        {"a": 1},
        {"b": 2},
    ]


WORDS = "The card is out of memory."
ERRORS = {
    "a field of that name": b'error: {"code": 500, "message": "%s"}\n\n',
    "a field of that name, single line ends": b'data: {"a": 1}\nerror: {"message": "%s"}\n',
    "a field with an error in it": b'error: {"error": {"message": "%s"}}\n\n',
    "a field with words alone": b"error: %s\n\n",
    "an event of that name": b'event: error\ndata: {"message": "%s"}\n\n',
    "an event with words alone": b"event: error\ndata: %s\n\n",
    "an event after a frame": b'data: {"a": 1}\nevent: error\ndata: {"message": "%s"}\n\n',
    "a frame of that type": b'data: {"type": "error", "message": "%s"}\n\n',
    "a frame with an error": b'data: {"error": "%s"}\n\n',
    "nothing but words": b"data: %s\n\n",
}


@pytest.mark.parametrize("piece", [1, 10_000])
@pytest.mark.parametrize("stream", ERRORS.values(), ids=ERRORS)
def test_an_error_in_a_stream_has_the_providers_words(stream, piece):
    with pytest.raises(ProviderError) as refused:
        frames_of(stream % WORDS.encode(), piece)
    assert refused.value.provider == WORDS


def test_a_broken_object_in_a_stream_is_no_answer():
    with pytest.raises(ProviderError) as refused:
        frames_of(b'data: {"a": 1}\n\ndata: {"b64_json": "iVBO\n\n', 10_000)
    assert refused.value.code == "invalid_answer"
