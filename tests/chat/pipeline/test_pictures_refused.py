"""Which refusals say that a model takes no pictures, and which say something of one picture or of the moment."""

import pytest

from chat.pipeline import pictures_refused
from providers.errors import ProviderError


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (400, "image_url is only supported by certain models.", True),
        (404, "No endpoints found that support image input", True),
        (400, "Unable to process input image. Please retry.", False),
        (400, "cannot identify image file <_io.BytesIO object>", False),
        (400, "You uploaded an unsupported image. Please make sure your image is a valid image.", False),
        (400, "At most 1 image(s) may be provided in one request.", False),
        (400, "The number of images is over the limit of 10.", False),
        (500, "image input is not supported, provide the mmproj", True),
        (500, "The image service is away.", False),
        (400, "The model overheated.", False),
    ],
)
def test_a_refusal_is_of_the_model_or_of_one_picture(status, words, expected):
    error = ProviderError("Refused.", status=status, provider=words)
    assert pictures_refused.is_refusal(error) is expected
