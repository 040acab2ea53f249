"""Capabilities of models: the dated table, its patterns, sizes, and administrators' overrides."""

import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import capabilities
from imagegen.capabilities import TABLE, Capabilities, bare_name, default_model, draws, fallback_models, known
from imagegen.engines import ENGINES

CAUTIOUS = Capabilities()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-image-2", "gpt-image-2"),
        ("openai/gpt-image-2", "gpt-image-2"),
        ("openrouter/openai/GPT-Image-2", "gpt-image-2"),
        ("google/gemini-3.1-flash-image:free", "gemini-3.1-flash-image"),
        ("", ""),
    ],
)
def test_prefixes_and_variants_do_not_matter(model, expected):
    assert bare_name(model) == expected


@pytest.mark.parametrize(
    ("model", "response_format", "auto", "partial"),
    [
        ("gpt-image-2", False, True, 3),
        ("litellm/openai/gpt-image-1.5", False, True, 3),
        ("gpt-image-2.6-sunburst-2026-10-01", False, True, 3),
        ("chatgpt-image-latest", False, True, 3),
        ("dall-e-3", True, False, 0),
        ("azure/dalle-3", True, False, 0),
        ("somebodys-model", True, False, 0),
        ("not-gpt-image-2", True, False, 0),
    ],
)
def test_openais_families_are_told_by_name(model, response_format, auto, partial):
    can = known("openai", model, CAUTIOUS)

    assert (can.response_format, can.auto, can.partial) == (response_format, auto, partial)


def test_an_unknown_model_or_kind_gets_the_engines_default():
    assert known("openai", "somebodys-model", CAUTIOUS) is CAUTIOUS
    assert known("no-such-kind", "gpt-image-2", CAUTIOUS) is CAUTIOUS


def test_the_table_names_only_capabilities_and_kinds_that_exist():
    table = orjson.loads(TABLE.read_bytes())

    assert re.fullmatch(r"20\d\d-\d\d-\d\d", table["date"])
    for kind, facts in table["engines"].items():
        assert kind in ENGINES
        assert facts["fallback"]
        for entry in facts["models"]:
            assert Capabilities.problems(entry["can"]) == [], entry["pattern"]


@pytest.mark.parametrize("kind", ["openai", "gemini", "chatreply"])
def test_the_built_in_default_is_a_picture_model_that_the_table_knows(kind):
    model = default_model(kind)

    assert model == fallback_models(kind)[0]
    assert draws(kind, model)
    assert known(kind, model, CAUTIOUS) is not CAUTIOUS


def test_kinds_without_a_table_have_no_default_model():
    assert default_model("placeholder") == ""
    assert draws("placeholder", "anything")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-image-2.6-flare", True),
        ("dall-e-3", True),
        ("black-forest-labs/flux.2-pro", True),
        ("stabilityai/stable-diffusion-3.5-large", True),
        ("sdxl-turbo", True),
        ("qwen-image-edit", True),
        ("gemini-3.1-flash-image", True),
        ("gpt-6", False),
        ("gpt-4o-mini-tts", False),
        ("text-embedding-3-small", False),
        ("whisper-1", False),
    ],
)
def test_picture_models_are_found_in_a_mixed_list(model, expected):
    assert draws("openai", model) is expected


# --- sizes ---

SHAPED = Capabilities(ratios=("1:1", "4:3", "16:9", "9:16"), tiers=("1K", "2K", "4K"))


@pytest.mark.parametrize(
    ("size", "ratio", "tier"),
    [
        ("1024x1024", "1:1", "1K"),
        ("512x512", "1:1", "1K"),
        ("1344x768", "16:9", "1K"),
        ("1920x1080", "16:9", "2K"),
        ("768x1376", "9:16", "1K"),
        ("2048x1536", "4:3", "2K"),
        ("8000x4500", "16:9", "4K"),
        ("1000x700", "", "1K"),
    ],
)
def test_a_size_stands_for_a_shape_and_a_tier(size, ratio, tier):
    assert (SHAPED.ratio(size), SHAPED.tier(size)) == (ratio, tier)
    assert bool(SHAPED.size_problem(size)) == (ratio == "")


def test_without_tiers_there_is_no_tier():
    assert Capabilities(ratios=("1:1",)).tier("1024x1024") == ""


@pytest.mark.parametrize(
    ("can", "size", "problem"),
    [
        ({}, "1024x1024", ""),
        ({}, "", ""),
        ({}, "auto", "choose a size"),
        ({"auto": True}, "auto", ""),
        ({"sizes": ("256x256",)}, "512x512", "256x256"),
        ({"step": 16}, "1000x1000", "multiples of 16"),
        ({"max_side": 512}, "1024x512", "512 pixels"),
        ({"min_pixels": 655_360}, "512x512", "655360"),
        ({"max_ratio": 3}, "3200x800", "3 times"),
    ],
)
def test_a_size_that_cannot_be_drawn_is_explained(can, size, problem):
    told = Capabilities(**can).size_problem(size)

    assert (problem in told) if problem else not told


@given(st.integers(16, 8192), st.integers(16, 4096))
def test_any_size_is_judged(width, height):
    for can in (SHAPED, known("openai", "gpt-image-2", CAUTIOUS), known("gemini", "gemini-3.1-flash-image", CAUTIOUS)):
        assert isinstance(can.size_problem(f"{width}x{height}"), str)


# --- overrides ---


def test_a_row_overrides_by_name():
    can = CAUTIOUS.but({"edit": True, "sizes": ["512x512"], "nonsense": 1})

    assert (can.edit, can.sizes) == (True, ("512x512",))


@pytest.mark.parametrize(
    ("overrides", "count"),
    [
        ({"edit": True, "sizes": ["1x1"], "max_inputs": 3}, 0),
        ({"nonsense": 1}, 1),
        ({"edit": "yes"}, 1),
        ({"edit": 1}, 1),
        ({"max_inputs": True}, 1),
        ({"max_inputs": "3"}, 1),
        ({"max_inputs": -1}, 1),
        ({"max_ratio": float("inf")}, 1),
        ({"sizes": "512x512"}, 1),
        ({"sizes": [512]}, 1),
        ({"sizes": ["512"]}, 1),
        ({"ratios": ["wide"]}, 1),
        ({"ratios": ["0:1"]}, 1),
        ({"tiers": ["8K"]}, 1),
    ],
)
def test_what_an_administrator_wrote_is_checked(overrides, count):
    assert len(Capabilities.problems(overrides)) == count


def test_the_tables_tiers_are_known():
    assert set(capabilities.TIERS) == {"512", "1K", "2K", "4K"}
