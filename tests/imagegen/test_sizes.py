"""Sizes of shapes: the nearest that a model draws, and none where it draws nothing alike."""

import pytest

from imagegen import capabilities, sizes
from imagegen.capabilities import Capabilities

ANY = Capabilities()


@pytest.mark.parametrize(
    ("can", "shape", "standard", "size"),
    [
        (ANY, "1:1", "512x512", "512x512"),
        (ANY, "16:9", "1024x1024", "1344x768"),
        (ANY, "9:16", "", "768x1344"),
        (Capabilities(sizes=("1024x1024", "1536x1024", "1024x1536")), "16:9", "", "1536x1024"),
        (Capabilities(sizes=("1024x1024",)), "2:3", "", ""),
        (Capabilities(ratios=("1:1", "16:9"), tiers=("1K", "2K")), "16:9", "", "1368x768"),
        (Capabilities(sizes=("256x256",)), "1:1", "1024x1024", "256x256"),
    ],
)
def test_a_shape_is_the_nearest_size_that_the_model_draws(can, shape, standard, size):
    assert sizes.of_shape(can, shape, standard) == size


@pytest.mark.parametrize("shape", ["1:1", "3:2", "2:3", "16:9", "9:16"])
def test_sizes_of_shapes_can_be_drawn(shape):
    for kind, models in (
        ("openai", ("gpt-image-2", "dall-e-3", "gpt-image-1")),
        ("gemini", ("gemini-2.5-flash-image",)),
    ):
        for model in models:
            can = capabilities.known(kind, model, ANY)
            assert can.size_problem(sizes.of_shape(can, shape, "")) == ""
