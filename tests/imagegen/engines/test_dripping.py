"""A picture server that sends single bytes: drawing, lists and connection tests end at their time limits."""

import pytest

from imagegen import engine_tests, rows
from imagegen.engines import ENGINES
from providers.errors import UpstreamTimeout
from tests.imagegen.drawing import draw
from tests.imagegen.engines.test_quoted_secrets import KINDS
from tests.upstream.dripping import DRIPPING

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=KINDS)
def engine(request, make_engine, upstream):
    values = {**KINDS[request.param]}
    values["url"] = values["url"].format(v1=upstream.url, origin=upstream.origin)
    return make_engine(kind=request.param, secret="user:k", options={}, timeout=1, **values)


@pytest.mark.parametrize("name", ["a header", "JSON", "a page"])
def test_a_test_of_an_engine_ends_at_its_limit(engine, upstream, name, monkeypatch):
    monkeypatch.setattr("imagegen.engines.base.CHECK_SECONDS", 0.5)
    upstream.always(DRIPPING[name](), path="", method="GET")
    upstream.always(DRIPPING[name](), path="", method="POST")
    result = engine_tests.check(engine)
    assert (result.ok, result.message) == (False, "The provider took too long to answer.")


@pytest.mark.parametrize("kind", ["openai", "gemini", "chatreply"])
@pytest.mark.parametrize("name", ["a header", "JSON", "JSON with its length", "a stream without a line"])
def test_drawing_ends_at_its_limit(make_engine, upstream, kind, name):
    values = {**KINDS[kind]}
    values["url"] = values["url"].format(v1=upstream.url, origin=upstream.origin)
    row = make_engine(kind=kind, secret="user:k", options={}, timeout=1, **values)
    upstream.always(DRIPPING[name]())
    with pytest.raises(UpstreamTimeout) as late:
        draw(ENGINES[kind], rows.config_of(row))
    assert late.value.retryable
