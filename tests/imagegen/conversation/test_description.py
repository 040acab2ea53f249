"""*Describe this picture*: a model that sees pictures gets it, and its words are a prompt."""

import base64

import pytest

from chat import files
from providers.models import ChatModel
from tests.chat.talk import Talker
from tests.imagegen.conftest import store  # noqa: F401  a fixture
from tests.people import make_connection
from tests.upstream.pictures import png

ROUTE = "/api/v1/images/describe"


pytestmark = pytest.mark.usefixtures("store")


def make_picture(owner, name):
    return files.accept(owner, png(8, 8), name=f"{name}.png")


@pytest.fixture
def talker(site, alice, connection):
    return Talker(site, alice)


def seen(upstream):
    """The text and the bytes of the picture that the model got last."""
    text, picture = upstream.last.json["messages"][0]["content"]
    return text["text"], base64.b64decode(picture["image_url"]["url"].partition(",")[2])


@pytest.mark.parametrize(("accepted", "language"), [("en", "English"), ("zh-hans", "Chinese")])
def test_a_model_writes_the_prompt_of_a_picture_in_ones_language(talker, upstream, alice, accepted, language):
    row = make_picture(alice, "kite")
    upstream.answer("<think>Hm.</think>A red kite over dunes")
    talker.session.headers["Accept-Language"] = accepted
    assert talker.send("POST", ROUTE, {"image": str(row.pk)}) == {"prompt": "A red kite over dunes", "model": "m1"}
    words, content = seen(upstream)
    assert language in words
    assert content.startswith(b"\x89PNG")


def test_a_model_that_sees_takes_the_place_of_one_that_does_not(talker, upstream, alice):
    make_connection(upstream.url, "blind", "seeing", name="Second", position=1)
    ChatModel.objects.filter(public_id__in=["m1", "blind"]).update(vision=False)
    ChatModel.objects.filter(public_id="seeing").update(vision=True)
    upstream.answer("A boat")
    assert talker.send("POST", ROUTE, {"image": str(make_picture(alice, "boat").pk)})["model"] == "seeing"


def test_without_such_a_model_it_is_said(talker, upstream, alice):
    ChatModel.objects.update(vision=False)
    refused = talker.send("POST", ROUTE, {"image": str(make_picture(alice, "boat").pk)}, status=404)
    assert refused["code"] == "no_vision_model"
    assert "can see pictures" in refused["detail"]
    assert upstream.history == []


def test_anothers_picture_is_not_there_and_a_text_is_none(talker, upstream, bob):
    for image in (str(make_picture(bob, "hers").pk), "no", "00000000-0000-4000-8000-000000000000"):
        talker.send("POST", ROUTE, {"image": image}, status=404)
    assert upstream.history == []
