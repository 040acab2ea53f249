"""The parser of server-sent events, wherever the stream is cut."""

from collections.abc import AsyncIterator, Iterable
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import ProviderError
from providers.upstream.sse import LONGEST_FRAME, LONGEST_WITH_PICTURES, Frame, Splitter, frames


def split(*pieces: bytes, longest: int = LONGEST_FRAME) -> list[Frame]:
    splitter = Splitter(longest)
    found = [frame for piece in pieces for frame in splitter.feed(piece)]
    return found + splitter.close()


async def stream_of(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_may_end_in_any_of_the_three_ways(end: bytes) -> None:
    stream = end.join([b"data: one", b"", b"event: x", b"data: two", b"data: lines", b"", b""])
    assert split(stream) == [Frame("", "one"), Frame("x", "two\nlines")]


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "error"]), st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))),
        max_size=5,
    ),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.data(),
)
def test_where_the_pieces_are_cut_makes_no_difference(
    events: list[tuple[str, str]], end: str, data: st.DataObject
) -> None:
    texts = [f"{f'event: {event}{end}' if event else ''}data: {text}{end}{end}" for event, text in events]
    stream = "".join(texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert split(*pieces) == [Frame(event, text) for event, text in events]


def test_an_empty_piece_between_cr_and_lf_ends_no_second_line() -> None:
    assert split(b"event: x\r", b"", b"\ndata: one\r\n\r\n") == [Frame("x", "one")]


def test_comments_unknown_fields_and_empty_events_are_no_frames() -> None:
    assert split(b": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\n\nevent: lonely\n\ndata: x\n\n") == [Frame("", "x")]


def test_only_one_space_after_the_colon_is_cut() -> None:
    assert split(b"data:  two\n\ndata:none\n\ndata\n\n") == [Frame("", " two"), Frame("", "none"), Frame("", "")]


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    assert split(b"\xef\xbb\xbfdata: a\n\n", b"data: \xef\xbb\xbfb\n\n") == [Frame("", "a"), Frame("", "\ufeffb")]


def test_a_last_frame_without_its_blank_line_is_given_at_the_end() -> None:
    assert split(b"data: [DONE]") == [Frame("", "[DONE]")]
    assert Frame("", "[DONE] bye").is_done


def test_a_line_of_megabytes_is_one_frame_and_costs_one_look() -> None:
    picture = b"A" * 5_000_000
    pieces = [b"data: ", *(picture[at : at + 1000] for at in range(0, len(picture), 1000)), b"\n\n"]
    assert split(*pieces, longest=LONGEST_WITH_PICTURES) == [Frame("", picture.decode())]


def taken_until_refused(splitter: Splitter, *pieces: bytes) -> int:
    taken = 0
    *first, last = pieces
    for piece in (*first, *repeat(last, 10_000)):
        taken += len(piece)
        try:
            splitter.feed(piece)
        except ProviderError as error:
            assert error.code == "answer_too_large"  # noqa: PT017  the number of bytes is what counts
            return taken
    raise AssertionError("it was never refused")


def test_a_frame_is_refused_beyond_its_bound_and_may_be_longer_with_a_picture() -> None:
    text, picture = b'data: {"content": "', b'data: {"image_url": "data:image/png;base64,'
    piece = b"x" * 2**16
    assert taken_until_refused(Splitter(), text, piece) <= 2**20 + 2**17
    assert taken_until_refused(Splitter(), picture, piece) <= 2**20 + 2**17
    assert taken_until_refused(Splitter(LONGEST_WITH_PICTURES), text, piece) <= 2**24 + 2**17
    assert 2**24 < taken_until_refused(Splitter(LONGEST_WITH_PICTURES), picture, piece) <= 2**26 + 2**17
    assert taken_until_refused(Splitter(), b"data: " + piece + b"\n") <= 2**20 + 2**17
    assert taken_until_refused(Splitter(), b": a comment", piece) <= 2**20 + 2**17


def test_bytes_that_are_no_text_do_not_end_the_stream() -> None:
    assert split(b"data: \xff\n\ndata: b\n\n") == [Frame("", "\N{REPLACEMENT CHARACTER}"), Frame("", "b")]


async def test_frames_come_as_soon_as_they_are_complete() -> None:
    seen: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: one\n\ndata: tw"
        assert seen == ["one"]
        yield b"o\n\n"

    async for frame in frames(pieces()):
        seen.append(frame.data)
    assert seen == ["one", "two"]


async def test_what_breaks_the_bytes_breaks_the_frames() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        raise OSError("cut")

    with pytest.raises(OSError, match="cut"):
        [frame async for frame in frames(pieces())]
