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


def test_the_lines_of_a_frame_belong_together():
    pieces = [b'data: {"a":\ndata: 1}\n\ndata: {"b": 2}\r\n\r\ndata: [DONE]\n\n']

    class Whole:
        def iter_bytes(self):
            return iter(pieces)

    assert list(dialect.frames(Whole())) == [{"a": 1}, {"b": 2}]
