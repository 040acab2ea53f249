"""The table of kinds of connection: how servers of one kind differ from a plain OpenAI-compatible one.

To add a kind: write its row here, put it into `KINDS`, and add its case to `tests/providers/upstream/test_kinds.py`;
the contract test over the table checks the rest. No migration and no other change: nobody else compares the name of a
kind. A kind that needs a new fact adds a field with a default, so that the other rows stay as they are.

Sources: docs/upstreams/openai.md, docs/upstreams/azure-openai.md, docs/upstreams/openrouter.md,
docs/upstreams/ollama.md, docs/upstreams/anthropic.md and docs/upstreams/gemini.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy

from providers.dialects.dialect import Dialect
from providers.errors import ConfigurationError
from providers.sentences import sentence as _
from providers.upstream import azure
from providers.upstream.servers import Server

# Below a base URL, the longer ones first: what examples of providers show with the address.
OPERATION_PATHS = (
    *("chat/completions", "audio/speech", "audio/transcriptions", "audio/translations", "messages/count_tokens"),
    *("images/generations", "images/edits", "api/chat", "api/generate", "api/embed", "api/embeddings", "api/tags"),
    *("completions", "embeddings", "responses", "moderations", "rerank", "messages"),
)
VERSION = re.compile(r"/v\d+[a-z0-9]*(?:/|$)")  # of an API, in a path
SPEECH_CHARACTERS = 4096  # docs/upstreams/openai.md, “Speech”

# --- defaults of the rows ---------------------------------------------------------------------------------------------


def _unchanged(url: str) -> str:
    return url


def _endpoint(server: Server, path: str, model: str, deployed: bool) -> str:
    return f"{server.base_url}/{path}"


def _model_list(server: Server) -> list[str]:
    return [f"{server.base_url}/models"]


def _is_at_openai(server: Server) -> bool:
    return at(server.base_url) is OPENAI


def _same_name(model_id: str) -> tuple[str, ...]:
    return (model_id,)


def _speech_characters(server: Server) -> int | None:
    return SPEECH_CHARACTERS if of(server).has_openai_models(server) else None


def _any_parameter(server: Server) -> frozenset[str] | None:
    return None


@dataclass(frozen=True, slots=True)
class ConnectionKind:
    """One kind of connection. Addresses are absolute; functions take a `Server` and read nothing else."""

    name: str  # stored in `Connection.kind`
    label: Any
    example: str  # a base URL, for the form
    note: Any = ""  # for the form: what is special about this kind
    hosts: tuple[str, ...] = ()  # the provider's hosts; addresses there and at subdomains are of this kind
    path_mark: str = ""  # a part of the path that no other kind's addresses have, whatever the host
    brand: str = ""  # the name of a new connection to one of `hosts`
    config_flag: str = ""  # the member of the flat configuration that is true for this kind
    needs_api_version: bool = False  # the form asks for `api_version`
    owned_by: str = "openai"  # in our model list: the protocol by which the models are called
    # Base URL → that of Ollama's own protocol, whose operations are below `api/`; None: it does not speak it.
    ollama_url: Callable[[str], str] | None = None

    # How a key is sent, and which headers name this site.
    key_header: str = ""  # holds the plain key; empty: `Authorization: Bearer`
    list_key_header: str = ""  # the same for the model list; empty: as for other calls
    headers: tuple[tuple[str, str], ...] = ()  # of every call; a connection's own headers replace them
    attribution: tuple[tuple[str, str], ...] = ()  # (header, this site's `url` or `name`), sent to `hosts` alone

    # Addresses.
    clean_url: Callable[[str], str] = _unchanged  # base URL as entered, without trailing slash → as stored
    # (server, path of the operation, the model's id there, whether Azure has the path below a deployment) → URL
    endpoint: Callable[[Server, str, str, bool], str] = _endpoint
    # The model list; on a 404 the next URL is asked. Raises ConfigurationError where there is no list.
    list_urls: Callable[[Server], list[str]] = _model_list
    probe_urls: Callable[[Server], list[str]] | None = None  # whether it answers; None: as `list_urls`
    # Base URL → that of the surface without API versions, for operations that the default version lacks (images).
    unversioned_url: Callable[[str], str] = _unchanged
    proof_path: str = ""  # below the base URL: whether the key is valid, where the model list needs none

    # Models and payloads.
    # The forms that it speaks, the preferred one first; what is asked in another is translated (`providers.dialects`).
    # A connection may say otherwise of OpenAI's two (`Connection.speaks`).
    dialects: tuple[Dialect, ...] = (Dialect.CHAT, Dialect.RESPONSES)
    prefill: bool = False  # it continues a message of the assistant's that ends a request
    has_tools: bool = False  # all its models call functions, whether its list says so or not
    has_openai_models: Callable[[Server], bool] = _is_at_openai  # OpenAI's parameters and model names
    also_listed_as: Callable[[str], tuple[str, ...]] = _same_name  # an id that it takes → names in its list
    has_deployments: bool = False  # administrators name the models, so all of them are meant for chats
    has_reasoning_names: bool = True  # a model named o3 or gpt-5 reasons; false: names are free
    has_developer_role: bool = True  # false: the role `developer` becomes `system`
    chat_parameters: Callable[[Server], frozenset[str] | None] = _any_parameter  # all that it accepts; None: any
    always_tells_usage: bool = False  # in a stream too, without `stream_options`
    has_image_lists: bool = False  # in a form, one input picture too is an entry of the list `image[]`
    speech_characters: Callable[[Server], int | None] = _speech_characters  # of one `input`; None: no limit is known


# --- Ollama and OpenRouter --------------------------------------------------------------------------------------------


def _ollama_url(url: str) -> str:
    """The OpenAI-compatible surface is at `/v1`, which people tend to leave out."""
    return url if url.endswith("/v1") or not url else f"{url}/v1"


def _ollama_root(url: str) -> str:
    return url.removesuffix("/v1")


def _ollama_endpoint(server: Server, path: str, model: str, deployed: bool) -> str:
    """Operations of its own protocol are beside the OpenAI-compatible surface."""
    base = _ollama_root(server.base_url) if path.startswith("api/") else server.base_url
    return f"{base}/{path}"


def _ollama_names(model_id: str) -> tuple[str, ...]:
    return (model_id, f"{model_id}:latest")


def _openrouter_names(model_id: str) -> tuple[str, ...]:
    """Variants such as `:online` and `:nitro` are not listed; the model is."""
    return (model_id, model_id.partition(":")[0])


def _ollama_list(server: Server) -> list[str]:
    """Ollama's own list has names and details that `/v1/models` lacks."""
    return [f"{_ollama_root(server.base_url)}/api/tags", *_model_list(server)]


# --- Anthropic and Gemini ---------------------------------------------------------------------------------------------

LONGEST_PAGE = 1000  # models: what both take at most; docs/upstreams/anthropic.md, “Model list”


def _anthropic_url(url: str) -> str:
    """Their own clients are given the address without the version."""
    return url if url.endswith("/v1") or not url else f"{url}/v1"


def _anthropic_list(server: Server) -> list[str]:
    return [f"{server.base_url}/models?limit={LONGEST_PAGE}"]


def _gemini_url(url: str) -> str:
    """The OpenAI-compatible surface, for addresses of Google's without it; others may be proxies with other paths."""
    parts = urlsplit(url)
    if not (parts.hostname or "").endswith("googleapis.com") or url.endswith("/openai"):
        return url
    return f"{url}/openai" if VERSION.search(parts.path) else f"{url}/v1beta/openai"


def _gemini_list(server: Server) -> list[str]:
    """Google's own list has names, limits and methods; docs/upstreams/gemini.md, “OpenAI-compatible surface”."""
    return [f"{server.base_url.removesuffix('/openai')}/models?pageSize={LONGEST_PAGE}"]


# --- the table --------------------------------------------------------------------------------------------------------

ANTHROPIC_KEY_HEADER = "x-api-key"
AZURE_KEY_HEADER = "api-key"  # a request with this and `Authorization` of different content is refused

OPENAI = ConnectionKind(
    name="openai",
    label=gettext_lazy("OpenAI or compatible"),
    example="https://api.openai.com/v1",
    hosts=("api.openai.com",),
    brand="OpenAI",
)
AZURE = ConnectionKind(
    name="azure",
    label=gettext_lazy("Azure OpenAI"),
    example="https://NAME.openai.azure.com/openai/v1",
    note=gettext_lazy("Azure needs the names of your deployments."),
    hosts=("openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"),
    path_mark=f"/openai{azure.DEPLOYMENTS}",
    brand="Azure OpenAI",
    config_flag="azure",
    needs_api_version=True,
    key_header=AZURE_KEY_HEADER,
    endpoint=azure.endpoint,
    list_urls=azure.list_urls,
    probe_urls=azure.probe_urls,
    unversioned_url=azure.unversioned,
    has_openai_models=lambda server: True,
    has_deployments=True,
    has_image_lists=True,
    chat_parameters=azure.chat_parameters,
)
OPENROUTER = ConnectionKind(
    name="openrouter",
    label=gettext_lazy("OpenRouter"),
    example="https://openrouter.ai/api/v1",
    note=gettext_lazy("OpenRouter receives this site's name."),
    hosts=("openrouter.ai",),
    brand="OpenRouter",
    attribution=(("HTTP-Referer", "url"), ("X-Title", "name")),
    proof_path="key",
    always_tells_usage=True,
    also_listed_as=_openrouter_names,
    prefill=True,
)
OLLAMA = ConnectionKind(
    name="ollama",
    label=gettext_lazy("Ollama"),
    example="http://ollama:11434",
    note=gettext_lazy("The sizes of Ollama's models are listed too."),
    owned_by="ollama",
    ollama_url=_ollama_root,
    clean_url=_ollama_url,
    endpoint=_ollama_endpoint,
    list_urls=_ollama_list,
    also_listed_as=_ollama_names,
    has_reasoning_names=False,
    has_developer_role=False,  # its templates drop messages of a developer
)

ANTHROPIC = ConnectionKind(
    name="anthropic",
    label=gettext_lazy("Anthropic"),
    example="https://api.anthropic.com/v1",
    note=gettext_lazy("Anthropic is called with its Messages API; chats are translated."),
    hosts=("api.anthropic.com",),
    brand="Anthropic",
    key_header=ANTHROPIC_KEY_HEADER,
    headers=(("anthropic-version", "2023-06-01"),),
    clean_url=_anthropic_url,
    list_urls=_anthropic_list,
    dialects=(Dialect.MESSAGES,),
    has_tools=True,
    prefill=True,
    has_reasoning_names=False,
)
GEMINI = ConnectionKind(
    name="gemini",
    label=gettext_lazy("Google Gemini"),
    example="https://generativelanguage.googleapis.com/v1beta/openai",
    hosts=("generativelanguage.googleapis.com",),
    brand="Google Gemini",
    list_key_header="x-goog-api-key",
    clean_url=_gemini_url,
    list_urls=_gemini_list,
    dialects=(Dialect.CHAT,),
    has_reasoning_names=False,
)

KINDS: dict[str, ConnectionKind] = {kind.name: kind for kind in (OPENAI, AZURE, OPENROUTER, OLLAMA, ANTHROPIC, GEMINI)}
DEFAULT = OPENAI  # of new connections, and of those whose kind is no longer in the table


def named(name: str) -> ConnectionKind:
    """The kind of this name; the default one for an unknown name."""
    return KINDS.get(name, DEFAULT)


def of(server: Server) -> ConnectionKind:
    """The kind of a connection."""
    return KINDS.get(server.kind, DEFAULT)


@lru_cache(maxsize=1024)
def at(url: str) -> ConnectionKind | None:
    """The kind of provider that this address belongs to, by its host or else by its path; None for others."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    for kind in KINDS.values():
        if any(host == own or host.endswith(f".{own}") for own in kind.hosts):
            return kind
    return next((kind for kind in KINDS.values() if kind.path_mark and kind.path_mark in parts.path), None)


def serving(name: str, url: str) -> ConnectionKind:
    """The kind of a server: the chosen one, or where that is the default or none, the one that its address shows."""
    chosen = named(name)
    return (at(url) or DEFAULT) if chosen is DEFAULT else chosen


# --- forms of requests ------------------------------------------------------------------------------------------------

# What a connection may say of OpenAI's two forms (`Connection.speaks`); anything else: as its kind
SPOKEN: dict[str, tuple[Dialect, ...]] = {
    "both": (Dialect.CHAT, Dialect.RESPONSES),
    "chat": (Dialect.CHAT,),
    "responses": (Dialect.RESPONSES,),
}


def spoken(server: Server, speaks: str) -> tuple[Dialect, ...]:
    """The forms in which a connection is asked, the preferred one first."""
    own = of(server).dialects
    return SPOKEN.get(speaks, own) if speaks and own[0] is Dialect.CHAT else own


def choosing() -> list[str]:
    """The kinds whose connections may say which of OpenAI's two forms they speak."""
    return [kind.name for kind in KINDS.values() if kind.dialects[0] is Dialect.CHAT]


# --- addresses of a connection ----------------------------------------------------------------------------------------


def clean_base_url(kind: str, url: str) -> str:
    """A base URL as it is stored: without spaces around it and trailing slash, completed as its kind needs it."""
    return named(kind).clean_url(url.strip().rstrip("/"))


def operation_in(url: str) -> str:
    """The path of an operation that an address ends with, as people copy it from examples; empty for a base URL."""
    path = urlsplit(url).path.rstrip("/")
    return next((operation for operation in OPERATION_PATHS if path.endswith(f"/{operation}")), "")


def without_operation(url: str) -> str:
    return url.rstrip("/").removesuffix(operation_in(url)).rstrip("/")


def refuse_operation(url: str) -> None:
    """Raise ConfigurationError for an address that ends with an operation: it says which address to enter."""
    if operation := operation_in(url):
        raise address_of_operation(f"/{operation}", without_operation(url))


def address_of_operation(path: str, url: str) -> ConfigurationError:
    """The error for an address that ends with a path which calls add; `url` is the one to enter."""
    message = _("The address ends with “%(path)s”, which this site adds by itself. Enter %(url)s.")
    return ConfigurationError(message % {"path": path, "url": url}, code="address_of_operation")


def other_addresses(url: str) -> list[str]:
    """Base URLs that may be meant by one without a list of models: without `/models`, with a version."""
    root = url.rstrip("/").removesuffix("/models")
    versioned = [] if VERSION.search(urlsplit(root).path) else [f"{root}/v1", f"{root}/api/v1"]
    return [address for address in (root, *versioned) if address != url.rstrip("/")]


def probe_urls(server: Server) -> list[str]:
    """The URLs that show whether a server answers and accepts the key; on a 404 the next one is asked."""
    kind = of(server)
    return (kind.probe_urls or kind.list_urls)(server)


def speaks_ollama(server: Server) -> bool:
    """Whether Ollama's own protocol is spoken there."""
    return of(server).ollama_url is not None


def ollama_url(server: Server, path: str) -> str:
    """The URL of an operation of Ollama's own protocol, such as `api/ps`, at a server that speaks it."""
    root = of(server).ollama_url
    return f"{root(server.base_url) if root is not None else server.base_url}/{path}"


def proof_url(server: Server) -> str | None:
    """The URL that shows whether the key is valid; None where the model list does."""
    path = of(server).proof_path
    return f"{server.base_url}/{path}" if path else None
