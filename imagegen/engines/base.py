"""The base of all engines: a configuration and a request in, events and pictures out.

An engine sees no database row, no setting and no HTTP request of ours. To write one: subclass `Engine` in
`engines/<name>.py`, declare its `fields` and what its models can express, write `draw` as a generator of events, and
add it to the table in `engines/table.py`. All HTTP goes through `Engine.call`, which applies limits, headers,
cancelling and errors. Three rules:

- `prepare` refuses what cannot be expressed, before any call, and names the parameter. No value is dropped silently.
- Every failure is an error of `providers/errors.py` with the provider's own words and whether trying again helps. Fewer
  pictures than requested is a `Notice`, none at all an error.
- `draw` calls `run.check()` between any two slow steps, so that cancelling takes less than a second.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar
from urllib.parse import urljoin

from imagegen import capabilities, pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import refusals
from imagegen.engines.checking import EngineFinding
from imagegen.engines.events import Event, Notice, Picture, Progress
from imagegen.engines.run import Cancelled, Run
from imagegen.image_request import MAX_SEED, ImageRequest
from providers import http
from providers.errors import (
    BadRequest,
    ConfigurationError,
    ContentRefused,
    GatewayError,
    NetworkError,
    ProviderError,
)
from providers.http import Limits, Tls
from providers.http.policy import origin
from providers.http.redaction import credential_in
from providers.sentences import sentence as _
from providers.upstream import error_bodies, model_lists
from providers.upstream.header_templates import with_custom
from providers.upstream.model_lists import ListedModel, ListReader

L = TypeVar("L")  # a list of models, in the form that an engine reads it

CHECK_SECONDS = 60.0  # a call that draws nothing: a list of models, a test of the connection

__all__ = [
    "Cancelled",
    "Engine",
    "EngineConfig",
    "EngineField",
    "EngineFinding",
    "ModelChoice",
    "Run",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """One engine as an administrator set it up. The engine's `fields` declare which members it reads."""

    url: str = ""  # without a trailing slash
    secret: str = field(default="", repr=False)
    connection_kind: str = ""  # of its connection, see `providers.upstream.kinds`; empty without one
    version: str = ""  # Azure's api-version
    method: str = ""  # Gemini: predict or generateContent
    model: str = ""  # the default, when the request names none
    size: str = ""  # the default; left out where the model cannot draw it
    steps: int | None = None  # the default; left out where the model has none
    params: Mapping[str, Any] = field(default_factory=dict)  # merged into the provider's body last: they win
    workflow: Mapping[str, Any] = field(default_factory=dict)  # ComfyUI's graph in API format
    nodes: tuple[Mapping[str, Any], ...] = ()  # ComfyUI: [{type, node_ids, key, value}]
    capabilities: Mapping[str, Any] = field(default_factory=dict)  # overrides of `Capabilities`, by name
    dropped: frozenset[str] = frozenset()  # parameters that this engine answered with "unknown" before (`Learned`)
    options: Mapping[str, Any] = field(default_factory=dict)  # further declared fields of the kind, by name
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # custom ones for every call: they win
    site_headers: Mapping[str, str] = field(default_factory=dict)  # about this site, where the provider takes them
    user_headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # about the caller, where they are sent
    secret_headers: frozenset[str] | None = None  # names in lower case; None: all of `headers`
    auth: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)
    """Blocking; the authentication headers of a connection with an auth type. None: the engine presents `secret`."""
    own_credential: bool = False  # `auth` presents the caller's own credential
    limits: Limits = field(default_factory=lambda: Limits(max_bytes=256 * 2**20))
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True, slots=True)
class EngineField:
    """One value of `EngineConfig` that an engine kind uses; the admin form shows it for that kind only.

    `name` is a member of EngineConfig, or a key of its `options` when `option` is set.
    """

    name: str
    label: Any  # a translatable text
    help: Any = ""
    kind: str = "text"  # text, url, secret, number, json, choice, model, size
    required: bool = False
    choices: tuple[tuple[str, Any], ...] = ()
    default: Any = ""
    option: bool = False


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that an engine can draw with; `id` is what goes into a request."""

    id: str
    name: str = ""


# --- the engine -------------------------------------------------------------------------------------------------------


class Engine:
    """Base of all engines. Stateless: one instance serves all threads. The module's docstring says how to write one."""

    name: ClassVar[str]
    label: ClassVar[Any]
    help: ClassVar[Any] = ""
    fields: ClassVar[tuple[EngineField, ...]] = ()
    demo: ClassVar[bool] = False  # its pictures are samples, and are marked as such everywhere
    labels_pictures: ClassVar[bool] = False  # the mark stands on the picture itself
    # Of the flat form and the environment; see docs/upstreams/compatibility.md, “Image settings”.
    variables: ClassVar[str] = ""  # `OPENAI`: address and key fall back on OPENAI_API_BASE_URL and OPENAI_API_KEY
    is_guessed: ClassVar[bool] = False  # meant where values of `variables` are given and no engine is named
    is_unnamed: ClassVar[bool] = False  # meant by an empty name
    resumable: ClassVar[bool] = False  # `resume` works after a restart
    exclusive: ClassVar[bool] = False  # the upstream draws one picture at a time, for everybody: run one job per URL

    @property
    def default_url(self) -> str:
        """The destination of an engine without an address of its own; empty if there is none."""
        return next((str(field.default) for field in self.fields if field.name == "url"), "")

    @property
    def needs_address(self) -> bool:
        """Whether it calls a server, and does not draw here."""
        return any(field.name == "url" for field in self.fields)

    def capabilities(self, config: EngineConfig, model: str = "") -> Capabilities:
        """The capabilities of this model (empty: the configured one): default, then table, then the row's overrides."""
        model = model or self.usual_model(config)
        return capabilities.known(self.name, model, self.default_capabilities(config)).but(config.capabilities)

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        """The capabilities of a model that the table does not have. No network."""
        return Capabilities()

    def prepare(self, config: EngineConfig, request: ImageRequest) -> ImageRequest:
        """The request with the configuration's defaults filled in. No network; called before a job is made.

        Raises BadRequest for a value that cannot be expressed, ConfigurationError for an engine that is not set up. A
        *default* that the model cannot express is left out instead: nobody requested it.
        """
        model = request.model or self.usual_model(config)
        can = self.capabilities(config, model)
        can.check(request)
        for name in request.params:
            if not self.takes_param(config, name):
                raise BadRequest(_("This engine does not take this parameter."), param=name, code="not_supported")
        size = request.size or ("" if can.size_problem(config.size) else config.size)
        steps = request.steps or (config.steps if can.steps else None) or None
        return request.but(model=model, size=size, steps=steps)

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        """Whether a request may bring this parameter of the model's own in `params`."""
        return True

    def generate(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        """Draw. A blocking generator for a worker thread that yields at least one Picture or raises.

        Raises errors of `providers/errors.py`, or Cancelled. Closing the generator early leaves nothing running here;
        `cancel` tells the upstream.
        """
        request = self.prepare(config, request)
        run.check()
        yield from _complete(self.draw(config, request, run), request)

    def resume(self, config: EngineConfig, upstream_id: str, run: Run) -> Iterator[Event]:
        """Continue work that an earlier process started, if `resumable`; events and errors as `generate`."""
        raise ConfigurationError(_("This engine cannot pick up work after a restart."), code="not_resumable")

    def cancel(self, config: EngineConfig, upstream_id: str) -> None:
        """Have the upstream stop our own work and nobody else's; harmless when it has ended.

        Does nothing where the upstream stops when the connection is closed: a cancelled Run closes it.
        """

    def draw(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        """The events of a prepared request. Subclasses implement this."""
        raise NotImplementedError

    # Helpers for subclasses

    def headers(self, config: EngineConfig) -> dict[str, str]:
        """The headers of every call: authentication, the caller, and the administrator's custom ones."""
        own = config.auth() if config.auth else self.auth_headers(config)
        return with_custom({**config.site_headers, **config.user_headers, **own}, config.headers)

    def auth_headers(self, config: EngineConfig) -> dict[str, str]:
        """Authentication by the engine's own key. Subclasses whose upstream wants it elsewhere override this."""
        return {"Authorization": f"Bearer {config.secret}"} if config.secret else {}

    def secrets(self, config: EngineConfig) -> http.Secrets:
        """The secrets of a call, which the upstream may quote and nobody may read."""
        headers, secret = self.headers(config), config.secret_headers
        if secret is None:
            secret = frozenset(name.lower() for name in config.headers)
        keys = [config.secret, *(credential_in(name, value) for name, value in headers.items())]
        return http.secrets_of(keys, [pair for pair in headers.items() if pair[0].lower() in secret], config.url)

    def call(
        self,
        config: EngineConfig,
        run: Run | None,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> http.BlockingResponse:
        """One call to the upstream with the config's headers, limits and TLS, aborted when the run is cancelled.

        `body` is passed to `http.request` (`params`, `json`, `data`, `files`). Raises the `error` of a response of
        400 and above, NetworkError, UpstreamTimeout, Cancelled.
        """
        with self.calling(config, run) as options:
            response = http.request(method, url, headers={**self.headers(config), **(headers or {})}, **options, **body)
            if response.status >= 400:
                raise self.error(response)
        return response

    def listed(self, config: EngineConfig, url: str, query: Mapping[str, str]) -> list[ListedModel]:
        """The models that an endpoint lists in OpenAI's form, of all pages. Raises as `call`, and ProviderError
        (`invalid_answer`) for what is no list.
        """
        started, pages = time.monotonic(), ListReader([url], query)
        limits = replace(config.limits, total=min(config.limits.total or CHECK_SECONDS, CHECK_SECONDS))
        while pages.url is not None:
            response = self.call(replace(config, limits=limits.after(started)), None, "GET", pages.url)
            pages.take(response.status, response.content, response.headers)
        return pages.models()

    def download(self, config: EngineConfig, run: Run, url: str) -> bytes:
        """A picture that a response names by URL; redirects are followed.

        The upstream's own origin may be a private address and gets our headers. Any other must be public and gets none.
        """
        url, own = urljoin(f"{config.url}/", url), origin(config.url)
        with self.calling(config, run) as options:
            if origin(url) == own:
                options["headers"] = self.headers(config)
            else:
                del options["tls"]
            return http.fetch(url, trusted_origin=own, **options)[0]

    def in_calls(
        self, run: Run, request: ImageRequest, per_call: int, once: Callable[[ImageRequest], Iterator[Event]]
    ) -> Iterator[Event]:
        """Draw `request.n` pictures with calls of at most `per_call`; a requested seed counts up from call to call.

        Once there is a picture, a failed call is a Notice. A picture that is refused does not stop the others.
        """
        drawn, refused = 0, None
        for start in range(0, request.n, per_call):
            run.check()
            count = min(per_call, request.n - start)
            seed = None if request.seed is None else (request.seed + start) % (MAX_SEED + 1)
            try:
                for event in once(request.but(n=count, seed=seed)):
                    drawn += isinstance(event, Picture)
                    yield event
            except ContentRefused as error:
                if request.n <= per_call:
                    raise
                refused = refused or error
                yield Notice(error.full_message)
            except GatewayError as error:
                if not drawn:
                    raise
                yield Notice(error.full_message)
                return
            if request.n > per_call:
                yield Progress(step=drawn, total=request.n, fraction=min(1.0, (start + count) / request.n))
        if refused and not drawn:
            raise refused

    @contextmanager
    def calling(self, config: EngineConfig, run: Run | None) -> Iterator[dict[str, Any]]:
        """The options of a call through `providers.http`: limits, TLS, abort handle. Raises Cancelled for the run.

        The provider's refusal is raised within the block: a refused credential of the caller's own is theirs to mend.
        """
        with error_bodies.with_own_credential(config.own_credential), self._options(config, run) as options:
            yield options

    @contextmanager
    def _options(self, config: EngineConfig, run: Run | None) -> Iterator[dict[str, Any]]:
        limits, secrets = config.limits, self.secrets(config)
        if run is None:  # a list or a test, for which a person waits, and not a picture
            limits = replace(limits, total=min(limits.total or CHECK_SECONDS, CHECK_SECONDS))
            yield {"limits": limits, "tls": config.tls, "secrets": secrets}
            return
        run.check()
        left = run.remaining()
        if left is not None:
            limits = replace(limits, total=left if limits.total is None else min(left, limits.total))
        abort = http.Abort()
        try:
            with run.on_cancel(abort.fire):
                yield {"limits": limits, "tls": config.tls, "secrets": secrets, "abort": abort}
        except (NetworkError, ProviderError):
            if run.cancelled():
                raise Cancelled from None
            raise
        run.check()

    def error(self, response: http.BlockingResponse) -> ProviderError:
        """The provider's refusal as one of our errors, with its words. Subclasses read other formats than OpenAI's."""
        return refusals.error_for(response)

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        """The models that the endpoint lists and that can draw; blocking. Empty where there is nothing to choose."""
        return []

    def lists(self, config: EngineConfig) -> Mapping[str, Sequence[str]]:
        """The server's own choices for `Parameter.listed`, by name; blocking. Without what the server does not list."""
        return {}

    def check(self, config: EngineConfig) -> EngineFinding:
        """Ask the upstream, cheaply and without drawing, whether calls will work: address, key, model.

        Raises what went wrong; a ConfigurationError says what to change. A finding without a doubt is a promise.
        """
        raise NotImplementedError

    def list_at(self, config: EngineConfig, url: str, read: Callable[[EngineConfig], L]) -> L:
        """The list that `read` finds at `url`.

        Raises what `read` raises, and ConfigurationError with another address of the same server, if that has a list
        and this one has not.
        """

        def ask(address: str) -> http.BlockingResponse:
            with self.calling(config, None) as options:
                return http.request("GET", address, headers=self.headers(config), **options)

        refused: ProviderError | None = None
        try:
            listed = read(config)
        except ProviderError as error:
            if error.status in (401, 403, 429):
                raise
            refused = error
        if refused is None and listed:
            return listed
        if better := model_lists.better_address(url, ask):
            raise model_lists.elsewhere(better, provider=refused.provider if refused else "")
        if refused is not None:
            raise refused
        return listed

    def usual_model(self, config: EngineConfig) -> str:
        """The model of a request that names none."""
        return config.model or capabilities.default_model(self.name)


def _picture_type(content: bytes) -> str:
    if content_type := pictures.sniff(content):
        return content_type
    raise ProviderError(_("The provider sent something that is not a picture."), code="invalid_answer")


def _complete(events: Iterator[Event], request: ImageRequest) -> Iterator[Event]:
    """These events, with the pictures' types; fewer pictures than requested give a Notice, none an error.

    More than requested are all passed on: they are paid for.
    """
    drawn = 0
    for event in events:
        if isinstance(event, Picture):
            drawn += 1
            event = replace(event, content_type=_picture_type(event.content), model=event.model or request.model)
        yield event
    if not drawn:
        raise ProviderError(_("The provider answered without a picture."), code="no_picture")
    if drawn < request.n:
        counts = {"drawn": drawn, "requested": request.n}
        yield Notice(_("The provider drew %(drawn)d of %(requested)d pictures.") % counts)
