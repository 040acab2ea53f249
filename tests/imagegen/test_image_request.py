"""`ImageRequest`: validation, and its JSON form."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.image_request import MAX_SEED, ImageRequest, normal_size
from providers.errors import BadRequest
from tests.imagegen.drawing import picture


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1024x768", "1024x768"), (" 512 X 512 ", "512x512"), ("640×480", "640x480"), ("", ""), ("AUTO", "auto")],
)
def test_a_size_is_written_in_one_way(text, expected):
    assert normal_size(text) == expected


@pytest.mark.parametrize(
    "text", ["x", "axb", "512x", "x512", "1024", "0x0", "8x8", "99999x1", "8192x8192", "-1x5", "512x512x3", "١x٢"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(BadRequest) as caught:
        normal_size(text)

    assert caught.value.param == "size"


@given(st.text(max_size=20))
def test_a_size_is_read_or_refused(text):
    try:
        read = normal_size(text)
    except BadRequest:
        return
    assert normal_size(read) == read


def test_width_and_height_are_told_when_they_were_chosen():
    assert (ImageRequest(prompt="a", size="640x480").width, ImageRequest(prompt="a", size="640x480").height) == (
        640,
        480,
    )
    assert ImageRequest(prompt="a", size="auto").width is None
    assert ImageRequest(prompt="a").height is None


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "x" * 32_001}, "prompt"),
        ({"negative_prompt": "x" * 32_001}, "negative_prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"steps": -1}, "steps"),
        ({"steps": 501}, "steps"),
        ({"seed": -2}, "seed"),
        ({"seed": MAX_SEED + 1}, "seed"),
        ({"size": "big"}, "size"),
        ({"size": "512 x 512"}, "size"),
        ({"images": (picture(),) * 17}, "image"),
        ({"mask": picture(alpha=True)}, "mask"),
    ],
)
def test_a_request_that_is_not_well_formed_does_not_exist(wish, param):
    with pytest.raises(BadRequest) as caught:
        ImageRequest(**{"prompt": "a red kite", **wish})

    assert caught.value.param == param


def test_json_and_form_values_are_read_alike():
    body = {
        "prompt": "a",
        "n": 2,
        "steps": 20,
        "seed": 7,
        "size": "512x512",
        "model": " m ",
        "params": {"quality": "low"},
    }
    form = {
        "prompt": "a",
        "n": "2",
        "steps": "20",
        "seed": "7",
        "size": "512x512",
        "model": "m",
        "params": {"quality": "low"},
    }

    assert ImageRequest.from_values(body) == ImageRequest.from_values(form)


def test_nothing_chosen_is_nothing_chosen():
    open_ones = {"prompt": "a", "n": None, "steps": 0, "seed": -1, "size": "", "negative_prompt": None, "params": None}

    assert ImageRequest.from_values(open_ones) == ImageRequest(prompt="a")


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "a", "n": 1.5}, "n"),
        ({"prompt": "a", "n": True}, "n"),
        ({"prompt": "a", "n": "two"}, "n"),
        ({"prompt": "a", "n": [1]}, "n"),
        ({"prompt": "a", "seed": "1e9"}, "seed"),
        ({"prompt": "a", "size": 512}, "size"),
        ({"prompt": "a", "params": [1]}, "params"),
    ],
)
def test_values_of_the_wrong_kind_are_refused_by_name(values, param):
    with pytest.raises(BadRequest) as caught:
        ImageRequest.from_values(values)

    assert caught.value.param == param


json_values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=9)
members = st.sampled_from(["prompt", "model", "n", "size", "steps", "seed", "negative_prompt", "params"])


@given(st.dictionaries(members, json_values | st.lists(json_values, max_size=2)))
def test_any_values_are_read_or_refused(values):
    with contextlib.suppress(BadRequest):  # and nothing else
        ImageRequest.from_values(values)


def test_what_a_job_keeps_is_the_whole_request_without_bytes():
    wish = ImageRequest(prompt="a", n=3, size="512x512", seed=0, images=(picture(),), params={"quality": "low"})

    kept = wish.values()

    assert set(kept).isdisjoint({"images", "mask"})
    assert ImageRequest.from_values(kept, images=wish.images) == wish


def test_picture_bytes_do_not_show():
    assert "PNG" not in repr(ImageRequest(prompt="a", images=(picture(),)))
