"""Responses of OpenAI's shape from compatible servers: every form with pictures is read, every reason is reported."""

import base64

import orjson
import pytest

from imagegen.engines.base import EngineConfig
from imagegen.engines.openai import OpenAI
from providers.errors import AddressRefused, ContentRefused, ProviderError
from tests.imagegen.drawing import draw, picture
from tests.upstream import Reply, in_bytes, in_json
from tests.upstream.gemini import jpeg
from tests.upstream.openai import EVENTS
from tests.upstream.pictures import png

RED, BLUE = png(8, 8), png(8, 8, shade=90)
LARGE = png(200, 200, shade=7)
CODED, BLUE_CODED = (base64.b64encode(content).decode() for content in (RED, BLUE))
DATA_URL = f"data:image/png;base64,{CODED}"
PLACE = "{origin}/pictures/8x8.png"  # of a picture at the upstream


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.url, secret="sk-ours", model="some-model")


def placed(value, origin):
    """The value with the upstream's origin in its addresses."""
    return orjson.loads(orjson.dumps(value).replace(b"{origin}", origin.encode()))


@pytest.mark.parametrize(
    "answer",
    [
        {"data": [{"b64_json": CODED}]},
        {"data": {"b64_json": CODED}},
        {"data": {"url": PLACE}},
        {"data": [PLACE]},
        {"data": [DATA_URL]},
        {"data": CODED},
        {"data": {"images": [{"url": PLACE}]}},
        {"data": {"data": [{"b64_json": CODED}]}},
        {"data": [], "images": [{"url": PLACE}]},
        {"data": None, "images": [{"b64_json": CODED}]},
        {"images": [{"url": PLACE}]},
        {"images": [PLACE]},
        {"images": [CODED]},
        {"images": {"url": DATA_URL}},
        {"image": {"url": PLACE}},
        {"image": CODED},
        {"image": DATA_URL},
        {"image_url": PLACE},
        {"url": PLACE},
        {"b64_json": CODED},
        {"output": [PLACE]},
        {"output": PLACE},
        {"output": {"images": [{"image_url": {"url": PLACE}}]}},
        {"result": {"data": [{"url": PLACE}]}},
        {"results": [{"image": CODED}]},
        {"artifacts": [{"base64": CODED, "finishReason": "SUCCESS"}]},
        {"data": [{"image_base64": CODED}]},
        {"data": [{"image_url": {"url": DATA_URL}}]},
        {"data": [{"b64_json": None, "url": PLACE}]},
        {"data": [{"b64_json": DATA_URL}]},
        {"data": {"image_urls": [PLACE]}},
        {"message": "success", "code": 0, "data": {"url": PLACE}},
        {"error": None, "data": [{"url": PLACE}]},
        [{"b64_json": CODED}],
        [{"url": PLACE}],
    ],
)
def test_a_picture_is_found_whatever_the_answer_calls_it(config, upstream, answer):
    upstream.script(in_json(placed(answer, upstream.origin)))

    (drawn,) = draw(OpenAI(), config).pictures

    assert drawn.content_type == "image/png"


@pytest.mark.parametrize(
    "answer",
    [
        {"data": [{"b64_json": CODED}, {"b64_json": BLUE_CODED}]},
        {"images": [CODED, BLUE_CODED]},
        {"output": [{"data": [{"b64_json": CODED}]}, {"data": {"b64_json": BLUE_CODED}}]},
    ],
)
def test_all_pictures_of_an_answer_are_taken_in_their_order(config, upstream, answer):
    upstream.script(in_json(answer))
    assert [drawn.content for drawn in draw(OpenAI(), config, n=1).pictures] == [RED, BLUE]


@pytest.mark.parametrize("is_edit", [False, True])
@pytest.mark.parametrize(
    ("content", "header", "kind"),
    [
        (RED, "image/png", "image/png"),
        (LARGE, "image/png", "image/png"),
        (jpeg(), "image/jpeg", "image/jpeg"),
        (jpeg(), "image/png", "image/jpeg"),
        (RED, "application/octet-stream", "image/png"),
        (RED, "binary/octet-stream", "image/png"),
        (RED, "application/json", "image/png"),
    ],
)
def test_the_picture_itself_may_be_the_answer(config, upstream, content, header, kind, is_edit):
    upstream.script(in_bytes(content, header))

    (drawn,) = draw(OpenAI(), config, images=(picture(),) if is_edit else ()).pictures

    assert (drawn.content, drawn.content_type) == (content, kind)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"data": [], "message": "The queue is full."}, "The queue is full."),
        ({"data": None, "detail": "No GPU is free."}, "No GPU is free."),
        ({"data": [], "msg": "Balance too low."}, "Balance too low."),
        ({"data": [], "reason": "The prompt is too short."}, "The prompt is too short."),
        ({"data": {"message": "The model sleeps."}}, "The model sleeps."),
        ({"data": [{"message": "The model sleeps."}]}, "The model sleeps."),
        ({"data": [{"error": {"message": "Seed out of range."}}]}, "Seed out of range."),
        ({"data": [{"error": "Seed out of range."}]}, "Seed out of range."),
        ({"images": [], "failure_reason": "Out of memory."}, "Out of memory."),
        (
            {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}, "data": None},
            "insufficient balance",
        ),
        ({"base_resp": {"status_code": 0, "status_msg": "success"}, "data": []}, ""),
        ({"output": {"message": "Nothing to draw."}}, "Nothing to draw."),
        ({"artifacts": [{"finishReason": "ERROR"}]}, "ERROR"),
    ],
)
def test_an_answer_without_a_picture_has_the_providers_words(config, upstream, answer, words):
    upstream.script(in_json(answer))

    with pytest.raises(ProviderError) as caught:
        draw(OpenAI(), config)

    assert (caught.value.code, caught.value.provider) == ("no_picture", words)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": [], "message": "Rejected by the content policy."},
        {"data": [{"error": {"code": "content_policy_violation", "message": "Not this."}}]},
    ],
)
def test_a_refusal_beside_an_empty_list_is_a_refusal(config, upstream, answer):
    upstream.script(in_json(answer))
    with pytest.raises(ContentRefused):
        draw(OpenAI(), config)


@pytest.mark.parametrize("answer", [{}, {"data": []}, {"data": [{}]}, {"created": 1}, {"data": "no picture here"}])
def test_an_answer_that_says_nothing_is_one_without_a_picture(config, upstream, answer):
    upstream.script(in_json(answer))
    with pytest.raises(ProviderError) as caught:
        draw(OpenAI(), config)
    assert caught.value.code == "no_picture"


def test_an_address_in_another_member_obeys_the_same_rules(config, upstream, start_upstream):
    other = start_upstream()
    upstream.script(in_json({"images": [{"image_url": {"url": f"{other.origin}/pictures/8x8.png"}}]}))
    with pytest.raises(AddressRefused) as caught:
        draw(OpenAI(), config)
    assert caught.value.code == "address_refused"
    assert other.history == []


@pytest.mark.parametrize(
    ("frames", "drawn"),
    [
        ([{"type": "image_generation.completed", "b64_json": CODED}], 1),
        ([{"type": "image_generation.completed", "url": PLACE}], 1),
        ([{"created": 1, "data": [{"b64_json": CODED}]}], 1),
        ([{"data": {"url": PLACE}}], 1),
        ([{"images": [CODED, BLUE_CODED]}], 2),
    ],
)
def test_a_stream_brings_pictures_in_the_same_forms(upstream, frames, drawn):
    steps = [b"data: " + orjson.dumps(placed(frame, upstream.origin)) + b"\n\n" for frame in frames]
    upstream.script(Reply(200, EVENTS, steps=[*steps, b"data: [DONE]\n\n"]))
    config = EngineConfig(url=upstream.url, secret="sk-ours", model="gpt-image-2")
    assert len(draw(OpenAI(), config).pictures) == drawn


def test_a_stream_without_a_picture_has_the_providers_words(upstream):
    upstream.script(Reply(200, EVENTS, steps=[b'data: {"data": [], "message": "No GPU is free."}\n\n']))
    config = EngineConfig(url=upstream.url, secret="sk-ours", model="gpt-image-2")
    with pytest.raises(ProviderError) as caught:
        draw(OpenAI(), config)
    assert (caught.value.code, caught.value.provider) == ("no_picture", "No GPU is free.")
