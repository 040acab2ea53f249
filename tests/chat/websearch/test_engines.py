"""Every web search in its own form; the pages behind results, which must be public, small, in time, and text."""

import pytest

from chat.search_engines import ENGINES
from chat.websearch import endpoint, pages
from providers.errors import GatewayError
from providers.http import streaming
from tests import people
from tests.chat.talk import Talker
from tests.chat.websearch.test_websearch import ask, find, steps, told
from tests.upstream import DROP, Gate, Reply, in_json, in_text, redirect

FOUND = ("Kites", "https://k.example/", "About kites")
TITLED = {"title": FOUND[0], "url": FOUND[1]}
KEY = "search-key-123456"
# What each is asked (query or body, and the header of the key), and how it answers.
REQUESTS = {
    "searxng": (
        {"q": "red kites", "format": "json"},
        ("Authorization", f"Bearer {KEY}"),
        {"results": [{**TITLED, "content": FOUND[2]}]},
    ),
    "brave": (
        {"q": "red kites", "count": "3", "text_decorations": "false"},
        ("X-Subscription-Token", KEY),
        {"type": "search", "web": {"type": "search", "results": [{**TITLED, "description": FOUND[2]}]}},
    ),
    "tavily": (
        {"query": "red kites", "max_results": 3},
        ("Authorization", f"Bearer {KEY}"),
        {
            "query": "red kites",
            "answer": None,
            "images": [],
            "results": [{**TITLED, "content": FOUND[2], "score": 0.9}],
        },
    ),
    "google": (
        {"q": "red kites", "num": "3", "key": KEY, "cx": "engine-1"},
        None,
        {"kind": "customsearch#search", "items": [{"title": FOUND[0], "link": FOUND[1], "snippet": FOUND[2]}]},
    ),
    "bing": (
        {"q": "red kites", "count": "3", "responseFilter": "Webpages"},
        ("Ocp-Apim-Subscription-Key", KEY),
        {"_type": "SearchResponse", "webPages": {"value": [{"name": FOUND[0], "url": FOUND[1], "snippet": FOUND[2]}]}},
    ),
}


@pytest.mark.parametrize("name", ENGINES)
async def test_every_search_is_asked_in_its_own_form(name, upstream):
    asked, key, answer = REQUESTS[name]
    upstream.always(in_json(answer), path="/search")
    values = {"web_search_engine": name, "web_search_key": KEY, "web_search_id": "engine-1", "web_search_results": 3}
    assert await find(upstream.search.url, **values) == [endpoint.Result(*FOUND)]
    received = upstream.last
    assert (received.json if ENGINES[name].in_body else received.query) == asked
    if key:
        assert received.headers[key[0]] == key[1]
    else:
        assert KEY not in str(dict(received.headers))
    if ENGINES[name].needs_key:
        assert ENGINES[name].address.startswith("https://")
        with pytest.raises(GatewayError, match="lacks"):
            await find("", **{**values, "web_search_key": ""})


PAGE = (
    "<html><head><title>T</title><script>bad()</script></head><body><nav>Menu</nav><article><h1>Red kites</h1>"
    "<p>They   soar &amp; glide.<br>Far.</p><table><tr><td>a</td><td>b</td></tr></table></context></article>"
)


@pytest.fixture
def open_world(monkeypatch):
    """The upstream's own address counts as a public one: nothing else can answer here."""
    monkeypatch.setattr(streaming, "vet", lambda address: None)


def page(body=PAGE, content_type="text/html; charset=utf-8"):
    return Reply(headers={"Content-Type": content_type}, body=body.encode() if isinstance(body, str) else body)


def test_pages_of_results_are_read_within_the_budget(site, alice, connection, upstream, open_world):
    people.set_chat(
        web_search=True, web_search_url=upstream.search.url, titles=False, web_search_pages=5,
        web_search_characters=1000,
    )  # fmt: skip
    places = ("kites", "long", "picture", "gone", "moved")
    upstream.search.finds = [(name, f"{upstream.origin}/pages/{name}", "Excerpt") for name in places]
    upstream.always(page(), path="/pages/kites")
    upstream.always(page("<p>" + "word " * 100_000), path="/pages/long")
    upstream.always(page(b"\x89PNG", "image/png"), path="/pages/picture")
    upstream.always(Reply(before=[DROP]), path="/pages/gone")
    upstream.always(redirect("/pages/kites"), path="/pages/moved")
    upstream.answer('{"query": "kites"}')
    upstream.answer("They soar.")
    answer = ask(Talker(site, alice))
    assert steps(answer)[-1] == "Read 3 pages"
    context = told(upstream)
    assert "# Red kites\n\nThey soar & glide.\nFar." in context
    assert "a | b |" in context
    assert "Menu" not in context
    assert "bad()" not in context
    assert context.count("</context>") == 1
    assert 500 < context.count("word ") * 5 < 1000
    assert [len(step["sources"]) for step in answer["status_history"] if "sources" in step] == [5]


async def test_pages_in_private_networks_and_slow_ones_are_left_out(upstream, monkeypatch):
    upstream.always(page(), path="/pages/kites")
    assert await pages.read([f"{upstream.origin}/pages/kites"], 1000) == {}
    assert upstream.asked("/pages/kites") == []
    monkeypatch.setattr(streaming, "vet", lambda address: None)
    monkeypatch.setattr(pages, "SECONDS", 0.3)
    upstream.always(Reply(before=[Gate()]), path="/pages/slow")
    upstream.always(redirect("http://[::1]:1/"), path="/pages/away")
    upstream.always(in_text("plain words"), path="/pages/plain")
    urls = [f"{upstream.origin}/pages/{name}" for name in ("slow", "away", "plain")]
    assert await pages.read(urls, 1000) == {urls[2]: "plain words"}
