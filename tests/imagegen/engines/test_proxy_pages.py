"""Pages of proxies in front of a picture provider: their title, else their first words, are the provider's words."""

import pytest

from imagegen import engine_tests, rows
from imagegen.engines import ENGINES
from providers.errors import ProviderError
from tests.imagegen.drawing import draw
from tests.imagegen.engines.test_quoted_secrets import KINDS
from tests.upstream import in_html
from tests.upstream.replies import in_text

pytestmark = pytest.mark.django_db(transaction=True)

CLOUDFLARE = (
    "<!DOCTYPE html>\n<html><head><title>example.com | 504: Gateway time-out</title></head><body>…</body></html>"
)
PAGES = {
    "nginx, 502": (in_html(502, "Bad Gateway"), "502 Bad Gateway"),
    "nginx, 504": (in_html(504, "Gateway Time-out"), "504 Gateway Time-out"),
    "a long title": (in_text(CLOUDFLARE, 504, content_type="text/html"), "example.com | 504: Gateway time-out"),
    "no title": (in_text("<html><body><h1>Away</h1> for now", 502, content_type="text/html"), "Away for now"),
    "named JSON": (in_text(CLOUDFLARE, 502, content_type="application/json"), "example.com | 504: Gateway time-out"),
    "words": (in_text("upstream request timeout", 504), "upstream request timeout"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("page", "words"), PAGES.values(), ids=PAGES)
def test_a_page_of_a_proxy_is_told_by_its_words(make_engine, upstream, kind, page, words):
    values = {**KINDS[kind]}
    values["url"] = values["url"].format(v1=upstream.url, origin=upstream.origin)
    row = make_engine(kind=kind, secret="user:k", options={}, **values)
    for method in ("GET", "POST"):
        upstream.always(page, path="", method=method)

    with pytest.raises(ProviderError) as refused:
        draw(ENGINES[kind], rows.config_of(row))

    assert (refused.value.status, refused.value.provider) == (page.status, words)
    assert words in engine_tests.check(row).message
