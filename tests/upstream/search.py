"""A web search in SearXNG's protocol: `GET /search?q=…&format=json`.

In a test::

    upstream.search.url                                              # the address that an administrator enters
    upstream.search.finds = [("Title", "https://site.example/", "Excerpt")]
    upstream.search.finds = []                                       # nothing is found
    upstream.script(refusal(429, "Too many requests"), path="/search")
    upstream.search.queries                                          # the words that were searched for

As the real one does, it refuses other formats than it is set to: `upstream.search.formats = {"html"}` is a 403.
"""

from typing import Any, ClassVar

from tests.upstream.core import Protocol, Received
from tests.upstream.replies import Reply, in_html, in_json

Find = tuple[str, str, str]  # title, url, excerpt

FINDS: list[Find] = [
    ("Kites", "https://kites.example/", "A kite is a tethered craft."),
    ("Wind", "https://wind.example/today", "Light winds from the west."),
]


class Search(Protocol):
    routes: ClassVar = [("GET", r"/search", "search")]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.finds = list(FINDS)
        self.formats = {"html", "json"}

    @property
    def url(self) -> str:
        return f"{self.upstream.origin}/search"

    @property
    def queries(self) -> list[str]:
        return [received.query.get("q", "") for received in self.upstream.asked("/search")]

    def search(self, received: Received) -> Reply:
        wanted = received.query.get("format", "html")
        if wanted not in self.formats:
            return in_html(403)
        return in_json(found(received.query.get("q", ""), *self.finds))


def found(query: str, *finds: Find) -> dict[str, Any]:
    """SearXNG's answer."""
    results = [
        {"url": url, "title": title, "content": excerpt, "engine": "scripted", "score": 1.0, "category": "general"}
        for title, url, excerpt in finds
    ]
    return {"query": query, "number_of_results": 0, "results": results, "answers": [], "suggestions": []}


def refusal(status: int, message: str) -> Reply:
    return in_json({"error": message}, status)
