"""A parser of the model lists of providers. It takes and returns values and knows no rows.

Shapes in use: `{"data": [...]}` (OpenAI and most), a bare list, `{"data": null}` for nothing (Ollama),
`{"models": [...]}` (Ollama's own), one of these inside another, pages, redirects, plain texts instead of objects, error
objects with status 200, HTML, the same id twice, a name that is null.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import orjson
from django.conf import settings

from providers import http, json_bodies
from providers.errors import ConfigurationError, GatewayError, ProviderError
from providers.facts import ConnectionFacts
from providers.sentences import sentence as _
from providers.upstream import kinds
from providers.upstream.error_bodies import error_of, provider_words

MAX_BYTES = 32 * 1024 * 1024
MAX_MODELS = 20_000
MAX_WRAPPERS = 3  # objects around the list: `{"data": {"data": [...]}}`
MAX_PAGES = 50
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_ID = 255  # characters; the width of the columns
MAX_RAW = 16 * 1024  # bytes stored of a model's object; of a longer one only the plain members are stored
# Other models in the list of api.openai.com: they can be called, but are no choice for a chat.
NOT_FOR_CHAT = ("babbage", "dall-e", "davinci", "embedding", "tts", "whisper")
# OpenAI's list does not say which models call functions. gpt-4o, later ones and reasoning models do. Exceptions: the
# first small ones, those of ChatGPT's own page, and those made for one purpose.
_CALLS = re.compile(r"(?:^|[/.:@])(?:gpt-4o|gpt-4\.\d|gpt-(?:[5-9]|[12]\d)|o\d+)(?![a-z0-9])", re.IGNORECASE)
_DOES_NOT = re.compile(
    r"o1-(?:mini|preview)|gpt-5-chat|chat-latest|search|audio|realtime|transcribe|tts|image|instruct", re.IGNORECASE
)
# Speech models by their names. Gemini's are left out: they answer chat requests only.
FOR_SPEECH = re.compile(r"(?<![a-z])(?:tts|kokoro|orpheus)(?![a-z])", re.IGNORECASE)
# Models that write down what is said, by their names.
FOR_TRANSCRIPTS = re.compile(r"(?<![a-z])(?:whisper|transcri\w*|stt|asr|parakeet)(?![a-z])", re.IGNORECASE)
_CHATS_ONLY = re.compile("gemini", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One entry of a provider's model list: the id there and the provider's own object."""

    upstream_id: str
    raw: Mapping[str, Any] = field(repr=False)


def limits_of(facts: ConnectionFacts) -> http.Limits:
    """The limits for reading a list: `AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST` for the whole response."""
    total = settings.MODEL_LIST_TIMEOUT
    return http.Limits(connect=facts.limits.connect, first_byte=total, idle=total, total=total, max_bytes=MAX_BYTES)


def static_list(model_ids: Iterable[str]) -> list[ListedModel]:
    """The list that an administrator entered."""
    return _unique(ListedModel(name, {"id": name, "object": "model", "owned_by": "openai"}) for name in model_ids)


@dataclass(frozen=True, slots=True)
class _ListPage:
    """One page of a list. `marks`: the objects around it, the outer one first, which say where the list goes on."""

    models: list[ListedModel]
    marks: list[dict[str, Any]]

    def mark(self, name: str) -> Any:
        """The first value of such a member that says anything."""
        return next((value for marks in self.marks if (value := marks.get(name))), None)


def read_list(status: int, body: bytes, headers: Mapping[str, str]) -> list[ListedModel]:
    """The models in a response. Raises ProviderError with the provider's words where it is no list."""
    return _read_page(status, body, headers).models


def better_address(url: str, ask: Callable[[str], http.BlockingResponse]) -> str:
    """An address at the same server that has a list of models, for one that has none; empty where none is found.

    `ask` gets a URL and may raise GatewayError.
    """
    for address in kinds.other_addresses(url):
        try:
            answer = ask(f"{address}/models")
            # A refused key shows the place as well, where the address that was entered refuses none.
            if answer.status in (401, 403) or read_list(answer.status, answer.content, answer.headers):
                return address
        except GatewayError:
            continue
    return ""


def elsewhere(url: str, *, provider: str = "") -> ConfigurationError:
    """The error that names the address that `better_address` found."""
    text = _("There is no list of models at this address, but there is one at %(url)s. Enter that as the base URL.")
    return ConfigurationError(text % {"url": url}, code="other_address", provider=provider)


def _read_page(status: int, body: bytes, headers: Mapping[str, str]) -> _ListPage:
    if status >= 400:
        raise error_of(status, body, headers)
    try:
        answer = json_bodies.parse_response(body)
    except ValueError as error:
        raise _no_list(status, body) from error
    items, marks = answer, list[dict[str, Any]]()
    for _depth in range(MAX_WRAPPERS):
        if isinstance(items, dict):
            if items.get("error"):
                raise _no_list(status, body)
            marks.append(items)
            items = _inner(items)
    if items is None:
        return _ListPage([], marks)
    if not isinstance(items, list):
        raise _no_list(status, body)
    models = _unique(listed for item in items if (listed := _read_item(item)) is not None)[:MAX_MODELS]
    return _ListPage(models, marks)


def _inner(wrapper: dict[str, Any]) -> Any:
    """What an object holds as its list: some servers have both members, one of them empty."""
    held = [wrapper[name] for name in ("data", "models") if name in wrapper]
    if not held:
        return wrapper
    return next((value for value in held if value), next((value for value in held if value is not None), None))


class ListReader:
    """Which URLs to ask for a list, and what came back: the first URL that is there, its redirects, its pages.

    Use: while `url` is not None, GET it with the same headers and `take` the response; then call `models`. Pure. Only
    the host itself is followed, on http or https, so that no key leaves for another server.
    """

    def __init__(self, urls: Sequence[str], query: Mapping[str, str] | None = None) -> None:
        self._urls = iter([_with_query(url, query) for url in urls] if query else urls)
        self.url: str | None = next(self._urls)
        self._pages_left, self._redirects_left = MAX_PAGES, MAX_REDIRECTS
        self._read: set[str] = set()  # URLs of the pages so far
        self._models: dict[str, ListedModel] = {}

    def models(self) -> list[ListedModel]:
        return list(self._models.values())[:MAX_MODELS]

    def take(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Read the response to a GET of `url`, and set `url` to the next one. Raises as `read_list`."""
        if self.leads_on(status, headers):
            return
        asked, before, page = str(self.url), len(self._models), _read_page(status, body, headers)
        for listed in page.models:
            self._models.setdefault(listed.upstream_id, listed)
        self._read.add(asked)
        self._pages_left -= 1
        goes_on = self._pages_left > 0 and before < len(self._models) < MAX_MODELS
        following = _next_page(asked, page) if goes_on else None
        self.url = None if following in self._read else following

    def leads_on(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether a response only says where to ask next, which is `url` then. Raises ProviderError (`redirected`)."""
        asked = str(self.url)
        if status in REDIRECTS and (target := headers.get("location")):
            self.url = self._redirected(asked, urljoin(asked, target))
            return True
        if status == 404 and (other := next(self._urls, None)) is not None:
            self.url = other
            return True
        return False

    def _redirected(self, asked: str, target: str) -> str:
        self._redirects_left -= 1
        if not _is_same_host(asked, target):
            raise ProviderError(
                _("The list of models is at another server: %(host)s. Enter that address as the base URL.")
                % {"host": urlsplit(target).netloc[:200]},
                code="redirected",
            )
        if self._redirects_left < 0:
            raise ProviderError(_("The address redirects too often."), code="redirected")
        return target


def _is_same_host(asked: str, target: str) -> bool:
    """Whether a redirect stays where the key may go: the same origin, or https instead of http."""
    before, after = urlsplit(asked), urlsplit(target)
    if (before.scheme, before.netloc) == (after.scheme, after.netloc):
        return True
    return before.hostname == after.hostname and (before.scheme, after.scheme) == ("http", "https")


def _next_page(asked: str, page: _ListPage) -> str | None:
    """The URL of the page after this one: `next_page` (a URL, a path or a token), `nextPageToken`, or `has_more`, which
    goes on behind `last_id` or the last model of the page.
    """
    token = page.mark("next_page")
    if isinstance(token, str) and (token.startswith(("http://", "https://", "/")) or "?" in token):
        target = urljoin(asked, token)
        return target if _is_same_host(asked, target) else None
    if isinstance(token, str | int) and not isinstance(token, bool):
        return _with_query(asked, {"page": str(token)})
    token = page.mark("nextPageToken")
    if isinstance(token, str):  # Google
        return _with_query(asked, {"pageToken": token})
    if _is_true(page.mark("has_more")):
        last = page.mark("last_id")
        last = str(last) if isinstance(last, str | int) and not isinstance(last, bool) else page.models[-1].upstream_id
        return _with_query(asked, {"after": last, "after_id": last})  # OpenAI's name, and Anthropic's
    return None


def _is_true(value: Any) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in ("true", "1", "yes"))


def _with_query(url: str, values: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **values}
    return parts._replace(query=urlencode(query)).geturl()


def _no_list(status: int, body: bytes) -> ProviderError:
    return ProviderError(
        _("The answer is not a list of models. Check the base URL."),
        code="invalid_answer",
        status=502 if status < 400 else status,
        provider=provider_words(body),
    )


def _read_item(item: Any) -> ListedModel | None:
    if isinstance(item, str):
        item = {"id": item}
    if not isinstance(item, dict):
        return None
    upstream_id = item.get("id") or _without_folder(item.get("name")) or item.get("model")
    if isinstance(upstream_id, int) and not isinstance(upstream_id, bool):
        upstream_id = str(upstream_id)
    if not isinstance(upstream_id, str) or not 0 < len(upstream_id) <= MAX_ID or "\x00" in upstream_id:
        return None
    raw = {key: value for key, value in item.items() if not (key == "name" and value is None)}
    if len(orjson.dumps(raw)) > MAX_RAW:
        raw = {
            k: v for k, v in raw.items() if not isinstance(v, dict | list) and not (isinstance(v, str) and len(v) > 500)
        }
    return ListedModel(upstream_id, {"id": upstream_id, **raw})


def _without_folder(name: Any) -> Any:
    """Google's own list names models as `models/ID`: docs/upstreams/gemini.md, “Transport”."""
    return name.removeprefix("models/") if isinstance(name, str) else name


def _unique(items: Iterable[ListedModel]) -> list[ListedModel]:
    by_id: dict[str, ListedModel] = {}
    for item in items:
        by_id.setdefault(item.upstream_id, item)
    return list(by_id.values())


# --- the provider's object of a model --------------------------------------------------------------------------------


def name_of(raw: Mapping[str, Any]) -> str:
    """The model's display name; empty where the provider has none besides the id."""
    for member in ("display_name", "displayName", "name"):  # Anthropic's, Google's, and everybody's
        name = raw.get(member)
        if isinstance(name, str) and name.strip() and name != raw.get("id"):
            return name.strip()
    return ""


def description_of(raw: Mapping[str, Any]) -> str:
    """The provider's description (OpenRouter), or size and quantisation (Ollama)."""
    if isinstance(raw.get("description"), str):
        return str(raw["description"]).strip()[:2000]
    details = raw.get("details")
    if isinstance(details, dict):
        words = [details.get("parameter_size"), details.get("quantization_level")]
        return " · ".join(word for word in words if isinstance(word, str) and word)
    return ""


def vision_of(raw: Mapping[str, Any]) -> bool | None:
    """Whether the model accepts images; None where the provider does not say."""
    architecture = raw.get("architecture")
    if isinstance(architecture, dict) and isinstance(architecture.get("input_modalities"), list):
        return "image" in architecture["input_modalities"]
    if isinstance(raw.get("input_modalities"), list):
        return "image" in raw["input_modalities"]
    capabilities = raw.get("capabilities")
    if isinstance(capabilities, list):
        return "vision" in capabilities
    if isinstance(capabilities, dict) and isinstance(capabilities.get("vision"), bool):
        return bool(capabilities["vision"])
    if isinstance(capabilities, dict) and isinstance(pictures := capabilities.get("image_input"), dict):  # Anthropic
        return pictures.get("supported") is True
    return None


# Members that tell how many tokens a model reads at once: OpenRouter, Groq, vLLM, Mistral and LM Studio, Gemini,
# Anthropic, llama.cpp.
_LENGTHS = (
    *("context_length", "context_window", "max_model_len", "loaded_context_length", "max_context_length"),
    *("inputTokenLimit", "max_input_tokens", "n_ctx", "n_ctx_train"),
)
_PARTS = ("top_provider", "meta", "limits")  # objects in which these members may stand


def context_length_of(raw: Mapping[str, Any]) -> int | None:
    """How many tokens the model reads at once, its answer included; None where the provider does not say."""
    objects = [raw[name] for name in _PARTS if isinstance(raw.get(name), dict)]
    for values in (*objects, raw):
        for name in _LENGTHS:
            value = values.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
                return value
    return None


@dataclass(frozen=True, slots=True)
class ListedFilter:
    """What a pipelines server says of a filter: the models that it is for (None: all), and its place among others."""

    targets: frozenset[str] | None
    priority: float


def filter_of(raw: Mapping[str, Any]) -> ListedFilter | None:
    """The facts of a filter; None for a model. docs/upstreams/pipelines.md, “Model list”."""
    facts = raw.get("pipeline")
    if not isinstance(facts, dict) or facts.get("type") != "filter":
        return None
    named, priority = facts.get("pipelines"), facts.get("priority")
    targets = frozenset(name for name in named if isinstance(name, str)) if isinstance(named, list) else frozenset()
    is_number = isinstance(priority, int | float) and not isinstance(priority, bool)
    return ListedFilter(None if "*" in targets else targets, float(priority or 0) if is_number else 0.0)


def writes_of(raw: Mapping[str, Any]) -> bool | None:
    """Whether the model answers with text; None where the provider does not say."""
    architecture = raw.get("architecture")
    output = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    if isinstance(output, list):  # OpenRouter
        return output == ["text"]
    capabilities = raw.get("capabilities")
    if isinstance(capabilities, list) and ("embedding" in capabilities or "completion" in capabilities):  # Ollama
        return "completion" in capabilities
    if isinstance(capabilities, dict) and isinstance(capabilities.get("completion_chat"), bool):  # Mistral
        return bool(capabilities["completion_chat"])
    methods = raw.get("supportedGenerationMethods")
    if isinstance(methods, list):  # Google
        return "generateContent" in methods
    kind = raw.get("type")
    if isinstance(kind, str) and kind in ("chat", "language", "embedding", "image", "moderation", "rerank", "audio"):
        return kind in ("chat", "language")  # Together
    return None


def tools_of(raw: Mapping[str, Any]) -> bool | None:
    """Whether the model calls functions; None where the provider does not say."""
    parameters = raw.get("supported_parameters")  # OpenRouter
    if isinstance(parameters, list):
        return "tools" in parameters
    capabilities = raw.get("capabilities")
    if isinstance(capabilities, list):  # Ollama
        return "tools" in capabilities
    if isinstance(capabilities, dict):  # Mistral, GitHub
        for name in ("function_calling", "tools", "tool_calls"):
            if isinstance(capabilities.get(name), bool):
                return bool(capabilities[name])
    return None


def is_known_to_call(facts: ConnectionFacts, upstream_id: str) -> bool:
    """Whether the kind of connection, or the model's name, says that it calls functions; the name only at OpenAI and
    Azure, whose names follow a rule.
    """
    kind = kinds.of(facts)
    if kind.has_tools:
        return True
    openai = kind.has_openai_models(facts)
    return bool(openai and _CALLS.search(upstream_id) and not _DOES_NOT.search(upstream_id))


def is_for_chat(facts: ConnectionFacts, upstream_id: str) -> bool:
    """Whether a model is for chats. OpenAI's own list has others too."""
    kind = kinds.of(facts)
    mixed = kind.has_openai_models(facts) and not kind.has_deployments
    return not (mixed and any(word in upstream_id for word in NOT_FOR_CHAT))


def is_for_speech(model_id: str) -> bool:
    """Whether a model's name says that it is a speech model."""
    return FOR_SPEECH.search(model_id) is not None and _CHATS_ONLY.search(model_id) is None


def is_for_transcripts(model_id: str) -> bool:
    """Whether a model's name says that it writes down speech; those that tell speakers apart answer in another form."""
    return FOR_TRANSCRIPTS.search(model_id) is not None and "diarize" not in model_id
