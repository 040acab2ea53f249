"""Model lists of picture providers are read as those of connections are: the same shapes, all pages."""

import pytest

from imagegen.engines.base import EngineConfig
from imagegen.engines.chatreply import ChatReply
from imagegen.engines.gemini import Gemini
from imagegen.engines.openai import OpenAI
from providers.errors import ProviderError
from tests.upstream import in_html, in_json
from tests.upstream.replies import Reply

DRAWING = "gpt-image-2"
ENGINES = [OpenAI(), ChatReply()]
SHAPES = {
    "OpenAI's": {"data": [{"id": DRAWING}]},
    "a list alone": [{"id": DRAWING}],
    "two wrappers": {"data": {"data": [{"id": DRAWING}]}},
    "an empty member beside": {"data": None, "models": [{"name": DRAWING}]},
    "texts": {"data": [DRAWING, None, 7]},
    "a byte order mark and NaN": b'\xef\xbb\xbf{"data": [{"id": "gpt-image-2", "created": NaN}]}',
}


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("answer", SHAPES.values(), ids=SHAPES)
def test_a_list_of_each_shape_is_read(upstream, engine, answer):
    reply = Reply(200, {"Content-Type": "application/json"}, answer) if isinstance(answer, bytes) else in_json(answer)
    upstream.script(reply, path="/models")
    assert [model.id for model in engine.models(EngineConfig(url=upstream.url, secret="k"))] == [DRAWING]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_all_pages_of_a_list_are_read_with_the_key(upstream, engine):
    upstream.script(in_json({"data": ["my-first"], "has_more": True}), path="/models")
    upstream.script(in_json({"data": ["my-second"]}), path="/models")
    found = [model.id for model in engine.models(EngineConfig(url=upstream.url, secret="k"))]
    assert found == ["my-first", "my-second"]
    assert [(call.query.get("after"), call.key) for call in upstream.history] == [(None, "k"), ("my-first", "k")]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (in_html(200, "Welcome"), "200 Welcome"),
        (in_html(502, "Bad Gateway"), "502 Bad Gateway"),
        (in_html(504, "Gateway Time-out"), "504 Gateway Time-out"),
        (in_json({"error": "The list is away."}), "The list is away."),
    ],
)
def test_what_is_no_list_is_told_in_the_providers_words(upstream, engine, answer, words):
    upstream.script(answer, path="/models")
    with pytest.raises(ProviderError) as refused:
        engine.models(EngineConfig(url=upstream.url, secret="k"))
    assert refused.value.provider == words


def test_entries_of_geminis_list_that_are_no_objects_are_passed_over(upstream):
    upstream.script(in_json({"models": [None, "x", {"name": "models/gemini-3-pro-image"}]}), path="/models")
    assert [model.id for model in Gemini().models(EngineConfig(url=upstream.url))] == ["gemini-3-pro-image"]
