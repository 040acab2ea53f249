"""The table of web searches: how each is asked. How to add one: docs/adding.md, “A web search”.

Their answers are read alike (`chat.websearch.endpoint`): a list of objects with a title, an address and an excerpt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class SearchEngine:
    """One search. `address` is used where the administrator entered none; empty: they have to."""

    name: str
    label: Any
    address: str = ""
    query: str = ""  # the parameter of the words; empty: as the address says, as SearXNG and the like are asked
    count: str = ""  # the parameter of the number of results
    most: int = 20  # results that may be asked for at once
    key_header: str = "Authorization"  # `Bearer …` there, the key alone in other headers; empty: in `key_param`
    key_param: str = ""
    id_param: str = ""  # of the engine's id, which such searches need besides the key
    in_body: bool = False  # whether it is a POST with a JSON body
    more: Mapping[str, Any] = field(default_factory=dict)  # further parameters

    @property
    def needs_key(self) -> bool:
        return bool(self.address)


# https://docs.searxng.org/dev/search_api.html
SEARXNG = SearchEngine("searxng", _("SearXNG, or another address that answers in JSON"))
# https://api-dashboard.search.brave.com/app/documentation/web-search/get-started
BRAVE = SearchEngine(
    "brave",
    _("Brave Search"),
    "https://api.search.brave.com/res/v1/web/search",
    query="q",
    count="count",
    key_header="X-Subscription-Token",
    more={"text_decorations": "false"},
)
# https://docs.tavily.com/documentation/api-reference/endpoint/search
TAVILY = SearchEngine(
    "tavily", _("Tavily"), "https://api.tavily.com/search", query="query", count="max_results", in_body=True
)
# https://developers.google.com/custom-search/v1/using_rest
GOOGLE = SearchEngine(
    "google",
    _("Google Programmable Search"),
    "https://www.googleapis.com/customsearch/v1",
    query="q",
    count="num",
    most=10,
    key_header="",
    key_param="key",
    id_param="cx",
)
# https://learn.microsoft.com/bing/search-apis/bing-web-search/reference/endpoints
BING = SearchEngine(
    "bing",
    _("Bing Web Search"),
    "https://api.bing.microsoft.com/v7.0/search",
    query="q",
    count="count",
    key_header="Ocp-Apim-Subscription-Key",
    more={"responseFilter": "Webpages"},
)

ENGINES = {engine.name: engine for engine in (SEARXNG, BRAVE, TAVILY, GOOGLE, BING)}
