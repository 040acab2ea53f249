"""The splitter of inline pictures: it separates pictures from text, wherever the stream is cut."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.answers.pictures import SMALLEST, InlinePicture, InlinePictureSplitter

DATA = "data:image/png;base64," + "QUJD" * (SMALLEST // 4)
PICTURE = f"![a cat]({DATA})"
PARTS = (PICTURE, "!", "![", "![x](", "words ", ")", "\n", "data:image/", f"![a]({DATA}")


def split(*pieces):
    splitter = InlinePictureSplitter()
    found = [part for piece in pieces for part in splitter.feed(piece)] + splitter.end()
    joined = []
    for part in found:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def test_a_picture_between_words():
    assert split(f"Look: {PICTURE} nice!") == ["Look: ", InlinePicture("a cat", DATA), " nice!"]


def test_several_pictures_side_by_side():
    assert split(PICTURE + PICTURE) == [InlinePicture("a cat", DATA)] * 2


@pytest.mark.parametrize("form", ['![a cat]({} "A title")', "![a cat](<{}>)", "![a cat]( {} )", "![a cat]({} 'x')"])
def test_the_forms_of_markdown(form):
    assert split(form.format(DATA)) == [InlinePicture("a cat", DATA)]


@pytest.mark.parametrize(
    "text",
    [
        "![dot](data:image/gif;base64,R0lGODlhAQABAAAAACw=)",
        "![dot](data:image/gif;base64,R0lG) and more",
        "![a](https://example.org/a.png)",
        "Wow! [a](b) ![",
        "!",
        "![a](data:image/png;base64",
        f"![a]({DATA}",
        f"![a]({DATA} no title)",
        f"![a]({DATA}\nnext line",
        f"[a]({DATA})",
        f"![a](data:text/plain;base64,{'QUJD' * 500})",
    ],
)
def test_everything_else_stays_as_it_was_written(text):
    assert split(text) == [text]


def test_what_is_no_picture_hides_none_behind_it():
    begun = f"![a]({DATA}"
    assert split(begun + begun + PICTURE) == [begun + begun, InlinePicture("a cat", DATA)]


def test_words_are_not_held_back():
    splitter = InlinePictureSplitter()

    assert splitter.feed("Wow! That is ") == ["Wow! That is "]
    assert splitter.feed("great!") == ["great"]
    assert splitter.feed(" And ![see](http") == ["! And ![see](http"]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=6), st.lists(st.integers(0, 4000), max_size=8))
def test_where_the_text_is_cut_makes_no_difference(parts, cuts):
    text = "".join(parts)
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]

    whole = split(text)

    assert split(*pieces) == whole
    again = "".join(one if isinstance(one, str) else f"![{one.alt}]({one.url})" for one in whole)
    # White space around the address of a picture is no part of it.
    assert "".join(again.split()) == "".join(text.split())
