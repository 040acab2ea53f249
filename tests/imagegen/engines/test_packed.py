"""Picture servers that compress responses without being asked: lists, pictures and errors are decoded."""

import pytest

from imagegen import engine_tests, rows
from imagegen.engines import ENGINES
from providers.errors import ProviderError
from tests.imagegen.drawing import draw
from tests.imagegen.engines.test_quoted_secrets import KINDS
from tests.upstream import in_json
from tests.upstream.packed import PACKINGS, packed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=KINDS)
def engine(request, make_engine, upstream):
    values = {**KINDS[request.param]}
    values["url"] = values["url"].format(v1=upstream.url, origin=upstream.origin)
    upstream.comfyui.models = ["dream.safetensors"]
    return make_engine(kind=request.param, secret="user:k", options={}, **values)


@pytest.fixture
def packs(upstream, monkeypatch):
    """Compress every response of the server this way."""

    def begin(name):
        spoken = upstream._spoken

        def packing(received):
            handler = spoken(received)

            def behave(asked):
                reply = handler(asked)
                return packed(reply, name) if hasattr(reply, "header_pairs") and _is_plain(reply) else reply

            return behave

        monkeypatch.setattr(upstream, "_spoken", packing)

    return begin


def _is_plain(reply):
    return reply.steps is None or all(isinstance(step, str | bytes) for step in reply.steps)


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "raw deflate"])
def test_an_engine_is_tested_and_draws(engine, packs, name):
    packs(name)
    assert engine_tests.check(engine).ok
    if engine.kind != "chatreply":  # the scripted one sends no picture by itself
        assert draw(ENGINES[engine.kind], rows.config_of(engine)).pictures


@pytest.mark.parametrize("name", PACKINGS)
def test_the_words_of_a_packed_refusal_are_read(engine, upstream, name):
    words = "no kites today"
    body = {"error": {"type": "refused", "message": words}} if engine.kind == "comfyui" else {"detail": words}
    for method in ("GET", "POST"):
        upstream.always(packed(in_json(body, 400), name), path="", method=method)
    with pytest.raises(ProviderError) as refused:
        draw(ENGINES[engine.kind], rows.config_of(engine))
    assert words in refused.value.full_message
