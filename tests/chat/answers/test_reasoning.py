"""The splitter of `<think>` reasoning, wherever the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.answers.reasoning import OPEN_TAGS, ThinkSplitter, without_thinking


def split(*pieces):
    splitter = ThinkSplitter()
    found = [splitter.feed(piece) for piece in pieces]
    found.append(splitter.end())
    return "".join(answer for answer, _ in found), "".join(thinking for _, thinking in found)


def test_text_without_a_tag_comes_through_at_once():
    splitter = ThinkSplitter()

    assert splitter.feed("Blue") == ("Blue", "")
    assert splitter.feed(" <think>") == (" <think>", "")


def test_thinking_in_front_is_told_apart_and_the_blank_lines_behind_it_go():
    assert split("<think>\nwhy\n</think>\n\nBlue.") == ("Blue.", "\nwhy\n")


@pytest.mark.parametrize("tag", [tag.strip("<>") for tag in OPEN_TAGS])
def test_each_known_tag_is_understood(tag):
    assert split(f"<{tag}>a</{tag}>b") == ("b", "a")


def test_a_second_block_directly_behind_the_first_is_thinking_too():
    assert split("<think>a</think> <think>b</think>c") == ("c", "ab")


def test_a_tag_in_the_middle_of_an_answer_is_text():
    assert split("Write `<think>x</think>` first.") == ("Write `<think>x</think>` first.", "")


def test_thinking_that_never_ends_is_thinking():
    assert split("<think>and then", " and the") == ("", "and then and the")


def test_half_a_tag_at_the_end_is_not_lost():
    assert split("<thi") == ("<thi", "")
    assert split("<think>a</thi") == ("", "a</thi")


def test_white_space_alone_is_no_answer():
    assert split(" \n") == ("", "")


@given(
    st.lists(st.integers(1, 12), max_size=20),
    st.sampled_from(["<think>x < y</think>\n\nzz", "<thinker> is no tag", "  abc"]),
)
def test_where_the_stream_is_cut_makes_no_difference(cuts, text):
    pieces, rest = [], text
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]

    assert split(*pieces, rest) == split(text)


def test_the_answer_alone():
    assert without_thinking("<think>hm</think>{}") == "{}"
    assert without_thinking("{}") == "{}"


@pytest.mark.parametrize("tag", [tag.strip("<>") for tag in OPEN_TAGS])
def test_a_tag_that_only_closes_ends_reasoning_from_the_start(tag):
    assert without_thinking(f"Okay, first.</{tag}>\n\nThe answer") == "The answer"


@pytest.mark.parametrize(
    "text",
    [
        "It ends with `</think>`.",
        "Write <think>x</think> first.",
        "a < b and c </ d",
        "Blue.</thin",
        "<think>a</think>Then </think> is text.",
    ],
)
def test_an_answer_about_such_tags_is_text(text):
    pieces = [split(*text), split(text)]
    assert pieces[0] == pieces[1]
    assert pieces[0][0] == text.removeprefix("<think>a</think>")
