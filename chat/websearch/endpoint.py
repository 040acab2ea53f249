"""One search as the administrator set it: at SearXNG, any server that answers with a list in JSON, or an engine.

Of the answer titles, addresses and excerpts are used. Results are not trusted: markup is removed, and results without
a web address are dropped. The pages themselves are read by `pages`.
"""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import nh3

from chat.chat_settings import ChatSettingsFacts
from chat.search_engines import ENGINES, SEARXNG
from providers import http, json_bodies
from providers.errors import ConfigurationError, ProviderError
from providers.process import waiting
from providers.sentences import sentence as _
from providers.upstream import error_bodies

PLACEHOLDER = "<query>"  # for the query in an address, as Open WebUI writes it
MAX_BYTES = 4 * 2**20
LIMITS = http.Limits(connect=5, first_byte=15, idle=15, total=20, max_bytes=MAX_BYTES)
MAX_QUERY, MAX_TITLE, MAX_EXCERPT, MAX_URL = 400, 200, 600, 2000  # characters
# Names of the list of results, and of the members of a result, on different servers.
LISTS = ("results", "items", "data", "web", "webPages", "value", "organic", "organic_results")
TITLES, URLS, EXCERPTS = ("title", "name"), ("url", "link", "href"), ("content", "snippet", "description", "text")


@dataclass(frozen=True, slots=True)
class Result:
    title: str
    url: str
    excerpt: str


async def search(query: str, settings: ChatSettingsFacts) -> list[Result]:
    """The first results, which may be none. Raises GatewayError, with the server's own message if it sent one."""
    method, url, headers, content = request_for(query[:MAX_QUERY], settings)
    secrets = http.secrets_of([settings.web_search_key], (), settings.web_search_url)
    options: dict[str, Any] = {"limits": LIMITS, "secrets": secrets, "unpacked": True, "redirects": True}
    async with http.stream(method, url, headers=headers, body=content, **options) as answer:
        body = await answer.read(MAX_BYTES)
    if answer.status >= 300:
        raise _refusal(answer, body, keyed=bool(settings.web_search_key))
    return (await waiting.off_loop(len(body), results_in, body))[: settings.web_search_results]


def is_set_up(settings: ChatSettingsFacts) -> bool:
    """Whether there is an address to ask, and what the engine needs besides."""
    engine = ENGINES.get(settings.web_search_engine, SEARXNG)
    if not (settings.web_search_url or engine.address) or (engine.needs_key and not settings.web_search_key):
        return False
    return bool(settings.web_search_id or not engine.id_param)


def request_for(query: str, settings: ChatSettingsFacts) -> tuple[str, str, dict[str, str], bytes | None]:
    """Method, address, headers and body of a search. Raises ConfigurationError where something is not set."""
    engine = ENGINES.get(settings.web_search_engine, SEARXNG)
    if not is_set_up(settings):
        raise ConfigurationError(_("The web search lacks its address, its key or its id."), code="no_search")
    headers, parameters = {"Accept": "application/json"}, dict[str, Any]()
    if settings.web_search_key and engine.key_header:
        key = settings.web_search_key
        headers[engine.key_header] = f"Bearer {key}" if engine.key_header == "Authorization" else key
    if engine.key_param:
        parameters[engine.key_param] = settings.web_search_key
    address = settings.web_search_url or engine.address
    if not engine.query:
        return "GET", address_for(address, query), headers, None
    if engine.id_param:
        parameters[engine.id_param] = settings.web_search_id
    parameters |= {engine.query: query, engine.count: min(settings.web_search_results, engine.most), **engine.more}
    if engine.in_body:
        return "POST", address, {**headers, "Content-Type": "application/json"}, json_bodies.dumps(parameters)
    parts = urlsplit(address)
    words = "&".join(filter(None, (parts.query, urlencode(parameters))))
    return "GET", parts._replace(query=words).geturl(), headers, None


def address_for(url: str, query: str) -> str:
    """The address with the query: in place of `<query>`, else as `q`; `format=json` unless a format is named.

    An address without a path is assumed to be a SearXNG server.
    """
    parts = urlsplit(url.replace(PLACEHOLDER, quote(query, safe="")))
    names = {name for name, _value in parse_qsl(parts.query, keep_blank_values=True)}
    more = {"q": query} if PLACEHOLDER not in url else {}
    if "format" not in names:
        more["format"] = "json"
    path = parts.path if parts.path.strip("/") or parts.query else "/search"
    return urlunsplit((parts.scheme, parts.netloc, path, "&".join(filter(None, (parts.query, urlencode(more)))), ""))


def results_in(body: bytes) -> list[Result]:
    """All usable results, each address once. Raises ProviderError where there is no list of results."""
    try:
        rows = _rows_in(json_bodies.parse_response(body))
    except ValueError as error:
        raise ProviderError(
            _("The search did not answer in JSON."), code="search_not_json", provider=error_bodies.provider_words(body)
        ) from error
    if rows is None:
        raise ProviderError(_("The search sent no list of results."), code="search_no_list")
    by_url = {result.url: result for result in reversed(list(_results(rows)))}
    return list(reversed(by_url.values()))


def _rows_in(value: Any) -> list[Any] | None:
    """The list of results: the answer itself, or a member with one of the usual names, at any depth."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in LISTS:
            if (rows := _rows_in(value.get(name))) is not None:
                return rows
    return None


def _results(rows: list[Any]) -> Iterator[Result]:
    for row in rows:
        if isinstance(row, dict) and (url := safe_url(_first(row, URLS))):
            title = plain(_first(row, TITLES), MAX_TITLE)
            yield Result(title or urlsplit(url).netloc, url, plain(_first(row, EXCERPTS), MAX_EXCERPT))


def _first(row: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := row.get(name), str) and value.strip()), "").strip()


def safe_url(url: str) -> str:
    """The address if it is an http(s) address without a name and password; else an empty text."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return ""
    unsafe = parts.username is not None or len(url) > MAX_URL or any(char.isspace() or ord(char) < 32 for char in url)
    return url if usable and not unsafe else ""


def plain(text: str, limit: int) -> str:
    """One line of text without markup; angle brackets that are left become other characters."""
    bare = html.unescape(nh3.clean(text, tags=set()))
    line = " ".join(bare.replace("<", "‹").replace(">", "›").split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _refusal(answer: http.StreamedResponse, body: bytes, *, keyed: bool) -> ProviderError:
    if answer.status < 400:
        location = next((value for name, value in answer.headers if name.lower() == "location"), "")
        message = _("The search redirects to another address. Enter that address instead.")
        return ProviderError(message, code="search_moved", provider=location[:MAX_URL])
    if answer.status == 403 and not keyed:
        message = _("The search refuses to answer in JSON. In SearXNG's settings.yml, add “json” to search.formats.")
        return ProviderError(message, code="search_not_json", status=403, provider=error_bodies.provider_words(body))
    return error_bodies.error_of(answer.status, body, dict(answer.headers))
