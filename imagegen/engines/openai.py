"""OpenAI's image API and everything that speaks it: Azure, LiteLLM, LocalAI, …
See docs/upstreams/openai.md, “Image generation” and “Image edits”, and docs/upstreams/azure-openai.md, “Images”.

One slow call draws or edits. Where the model can, the response is streamed and brings partial pictures. Models differ
in the parameters that they take: `models.json` lists those of today; what a server calls unknown is left out and stored
with the engine.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from django.utils import timezone
from django.utils.translation import gettext_lazy

from imagegen import capabilities, embedded, pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import checking, dialect, engine_fields, entries, refusals, responses
from imagegen.engines.base import Engine, EngineConfig, EngineField, EngineFinding, ModelChoice, Run
from imagegen.engines.events import Event, Learned, Picture, Progress, TokenUsage
from imagegen.engines.params import merged
from imagegen.image_request import ImageRequest, InputPicture
from providers import http
from providers.errors import BadRequest, ConfigurationError, ProviderError
from providers.sentences import sentence as _
from providers.upstream import error_bodies, kinds
from providers.upstream.azure import DEPLOYMENTS
from providers.upstream.servers import PlainServer

DEFAULT_URL = "https://api.openai.com/v1"
PARTIAL_PICTURES = 2  # requested by default; each costs about a hundred tokens
HEAD = 1024  # bytes that tell a picture
UNSTREAMABLE = {"gif", "svg"}  # output formats without partial pictures
OWN = {"prompt", "model", "n", "size", "image", "images", "mask", "response_format", "stream", "partial_images"}
NEEDED = {"prompt", "model"}


class OpenAI(Engine):
    name = "openai"
    label = gettext_lazy("OpenAI")
    help = gettext_lazy("OpenAI's image API, Azure's, and compatible servers.")
    fields = (
        engine_fields.address(DEFAULT_URL),
        engine_fields.API_KEY,
        EngineField("version", gettext_lazy("API version"), gettext_lazy("Sent as api-version; Azure needs one.")),
        replace(engine_fields.MODEL, help=gettext_lazy("On Azure: the deployment's name.")),
        engine_fields.SIZE,
        engine_fields.params(
            gettext_lazy('Merged last, for example {"quality": "high"}. A null leaves a parameter out.')
        ),
        EngineField(
            "azure",
            gettext_lazy("Azure's addresses"),
            gettext_lazy("With the deployment in the path and the key in the header api-key."),
            kind="choice",
            choices=(
                ("", gettext_lazy("When the host is Azure's")),
                ("yes", gettext_lazy("Yes")),
                ("no", gettext_lazy("No")),
            ),
            option=True,
        ),
        EngineField(
            "partial_images",
            gettext_lazy("Partial pictures"),
            gettext_lazy("0 to 3, where the model can; each costs about a hundred tokens more."),
            kind="number",
            default=PARTIAL_PICTURES,
            option=True,
        ),
    )

    variables = "OPENAI"
    is_guessed = True

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        return Capabilities(edit=True, mask=True, max_inputs=16)

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return name not in OWN and name not in config.dropped

    def prepare(self, config: EngineConfig, request: ImageRequest) -> ImageRequest:
        if request.size and "size" in config.dropped:
            raise BadRequest(_("The size cannot be chosen for this model."), param="size", code="not_supported")
        return super().prepare(config, request)

    # --- drawing ---

    def draw(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        can = self.capabilities(config, request.model)

        def once(request: ImageRequest) -> Iterator[Event]:
            nonlocal config
            body = self._body(config, can, request)
            send, needed = self._sender(config, run, can, request), self._needed(config, request)
            for event in dialect.send_tolerantly(send, body, needed, partial(self._read, config, run)):
                if isinstance(event, Learned):
                    config = replace(config, dropped=config.dropped | {event.param})  # for the next call
                yield event

        return self.in_calls(run, request, can.per_call, once)

    def _body(self, config: EngineConfig, can: Capabilities, request: ImageRequest) -> dict[str, Any]:
        body: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "n": request.n}
        chosen = {
            "size": request.size,
            "negative_prompt": request.negative_prompt,
            "seed": request.seed,
            "steps": request.steps,
            "response_format": "b64_json" if can.response_format else "",
        }
        body.update({name: value for name, value in chosen.items() if value not in ("", None)})
        body.update(request.params)
        usual = int(config.options.get("partial_images", PARTIAL_PICTURES) or 0)
        previews = min(can.partial, usual if request.previews is None else request.previews)
        formats = {request.params.get("output_format"), config.params.get("output_format")}
        if previews > 0 and request.n == 1 and not formats & UNSTREAMABLE:  # no event says which of n pictures it shows
            body.update(stream=True, partial_images=previews)
        body = {name: value for name, value in body.items() if name in NEEDED or name not in config.dropped}
        if "stream" not in body:
            body.pop("partial_images", None)
        return merged(body, config.params)

    def _needed(self, config: EngineConfig, request: ImageRequest) -> set[str]:
        """The parameters that the request chose: when the provider refuses one, that is an error, not left out."""
        needed = NEEDED | set(request.params)
        needed |= {name for name in ("negative_prompt", "seed", "steps") if getattr(request, name)}
        if request.n > 1:
            needed.add("n")
        if request.size != config.size:
            needed.add("size")
        return needed

    def _sender(self, config: EngineConfig, run: Run, can: Capabilities, request: ImageRequest) -> dialect.Sending:
        server = _server(config)
        path = "images/edits" if request.is_edit else "images/generations"
        url, query = kinds.of(server).endpoint(server, path, request.model, True), _version(config, server)
        headers = self.headers(config)

        @contextmanager
        def send(body: Mapping[str, Any]) -> Iterator[http.BlockingResponse]:
            content = self._multipart(config, can, request, body) if request.is_edit else {"json": body}
            with (
                self.calling(config, run) as options,
                http.stream_blocking("POST", url, headers=headers, params=query, **content, **options) as response,
            ):
                yield response

        return send

    def _multipart(
        self, config: EngineConfig, can: Capabilities, request: ImageRequest, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The form that the official SDK sends: `image` for one picture, `image[]` for several, fields for the rest."""
        name = "image" if len(request.images) == 1 and not kinds.of(_server(config)).has_image_lists else "image[]"
        files = [
            (name, _part(pictures.fitted(picture, can.input_types), f"image-{number}"))
            for number, picture in enumerate(request.images)
        ]
        if request.mask:
            files.append(("mask", _part(request.mask, "mask")))
        return {"data": list(_plain_fields(body)), "files": files}

    # --- reading ---

    def _read(self, config: EngineConfig, run: Run, response: http.BlockingResponse) -> Iterator[Event]:
        if dialect.is_stream(response):
            yield from self._read_stream(config, run, response)
            return
        body = dialect.body(response)
        if pictures.sniff(bytes(body[:HEAD])):  # the picture itself, whatever the header calls it
            yield Picture(content=bytes(body))
            return
        value = responses.read(body)
        is_bare = isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
        document = dialect.checked({"data": value} if is_bare else value)
        if usage := _used(document):
            yield usage
        drawn = 0
        for entry in entries.entries(document):
            drawn += 1
            yield self._drawn(config, run, document, entry)
        if not drawn:
            raise _without(entries.reason(document))

    def _read_stream(self, config: EngineConfig, run: Run, response: http.BlockingResponse) -> Iterator[Event]:
        complete, partial, reason = False, 0, entries.reason(None)
        for frame in dialect.frames(response):
            run.check()
            content = embedded.picture_in(frame.get("b64_json"))
            kind = str(frame.get("type", ""))
            if kind.endswith(".partial_image") and content:
                partial += 1
                fraction = partial / (PARTIAL_PICTURES + 2) if partial <= PARTIAL_PICTURES else 0.9
                yield Progress(step=partial, fraction=fraction, preview=content, preview_type=pictures.sniff(content))
            elif kind.endswith(".completed") or not kind:
                for entry in entries.entries(frame):
                    if usage := None if complete else _used(frame):
                        yield usage
                    complete = True
                    yield self._drawn(config, run, frame, entry)
                reason = reason if reason.message else entries.reason(frame)
        if not complete and reason.message:
            raise _without(reason)
        if not complete:
            raise ProviderError(
                _("The provider's answer ended before the picture was complete."), code="stream_cut", retryable=True
            )

    def _drawn(self, config: EngineConfig, run: Run, document: Mapping[str, Any], entry: Mapping[str, Any]) -> Picture:
        """A picture that came as base64 or by URL: compatible servers send either, whatever was requested."""
        content = entries.content(entry)
        if isinstance(content, str):
            content = self.download(config, run, content)
        return _picture(content or b"", document, entry)

    # --- the key ---

    def auth_headers(self, config: EngineConfig) -> dict[str, str]:
        key_header = kinds.of(_server(config)).key_header
        return {key_header: config.secret} if key_header and config.secret else super().auth_headers(config)

    # --- for the administrator ---

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        """The picture models in the endpoint's list, else all of it; our table's when there is no list.

        None where models are deployed: the list names what a region offers. An administrator types the name.
        """
        if kinds.of(_server(config)).has_deployments:
            return []
        listed = self._listed(config)
        if listed is None:
            return [ModelChoice(model) for model in capabilities.fallback_models(self.name)]
        drawing = [model for model in listed if capabilities.draws(self.name, model)]
        return [ModelChoice(model) for model in drawing or listed]

    def check(self, config: EngineConfig) -> EngineFinding:
        server = _server(config)
        kind = kinds.of(server)
        kinds.refuse_operation(config.url)
        if kind.has_deployments and not config.model and DEPLOYMENTS not in server.base_url:
            raise ConfigurationError(
                _("Azure needs the name of your deployment: enter it as the model."), code="model_needed", param="model"
            )
        if kind.has_deployments:
            self._listed(config)  # raises for a wrong address or key
            self._check_deployment(config, server)
            return EngineFinding(
                _("The server answers, and it has the deployment “%(name)s”.") % {"name": config.model}
            )
        models = self.list_at(config, server.base_url, self._listed)
        if models is None:
            return EngineFinding(
                _("The server answers; it has no list of models."),
                _("So key and model were not checked. Draw a small picture with “Test” to try them."),
            )
        drawing = [model for model in models if capabilities.draws(self.name, model)]
        return checking.of_models(self.usual_model(config), models, drawing, names=kind.also_listed_as)

    def _check_deployment(self, config: EngineConfig, server: PlainServer) -> None:
        """Raise ConfigurationError where Azure has no such deployment, or one that does not draw.

        It is asked for a picture without a prompt, which it refuses: that costs nothing.
        docs/upstreams/azure-openai.md, “Errors”.
        """
        url, body = kinds.of(server).endpoint(server, "images/generations", config.model, True), {"model": config.model}
        with self.calling(config, None) as options:
            headers, query = self.headers(config), _version(config, server)
            answer = http.request("POST", url, headers=headers, params=query, json=body, **options)
        words = error_bodies.read(answer.content)
        facts = {"name": config.model or url}
        if answer.status == 404 and "deployment" in f"{words.code} {words.message}".lower():
            message = _("There is no deployment “%(name)s”. Check how it is spelled; a new one needs some minutes.")
            raise ConfigurationError(message % facts, code="model_not_found", param="model", provider=words.message)
        if answer.status == 404 or words.code == "OperationNotSupported":
            message = _("The deployment “%(name)s” draws no pictures at this address. Look at model and API version.")
            raise ConfigurationError(message % facts, code="not_supported", param="model", provider=words.message)
        if answer.status in (401, 403):
            raise self.error(answer)

    def _listed(self, config: EngineConfig) -> list[str] | None:
        """The ids in the endpoint's list that are still served; None when it has no such list."""
        server = _server(config)
        *_others, url = kinds.probe_urls(server)  # the last one has the form of OpenAI's list
        try:
            listed = self.listed(config, url, _version(config, server))
        except ProviderError as error:
            if error.status in (404, 405) and not kinds.of(server).has_deployments:
                return None
            raise
        today = timezone.now().date().isoformat()
        return [model.upstream_id for model in listed if str(model.raw.get("shutdown_date") or today) >= today]


def _server(config: EngineConfig) -> PlainServer:
    """The engine's server, of the kind that the option chooses, else its connection's, else the one of its address."""
    url = config.url or DEFAULT_URL
    chosen = {"yes": kinds.AZURE, "no": kinds.DEFAULT}.get(str(config.options.get("azure") or ""))
    kind = chosen or kinds.serving(config.connection_kind, url)
    return PlainServer(kind.name, url if config.version else kind.unversioned_url(url), config.version)


def _version(config: EngineConfig, server: PlainServer) -> dict[str, str]:
    """The query with the API version, for the kinds whose addresses do not have it in them already."""
    is_in_url = kinds.of(server).needs_api_version
    return {"api-version": config.version} if config.version and not is_in_url else {}


def _without(reason: error_bodies.ErrorBody) -> ProviderError:
    """The error of an answer without a picture, with the provider's words where it has any."""
    if error_bodies.is_content_refusal(reason):
        return refusals.as_error(reason)
    return ProviderError(_("The provider answered without a picture."), code="no_picture", provider=reason.message)


def _picture(content: bytes, response: Mapping[str, Any], entry: Mapping[str, Any]) -> Picture:
    facts = {name: response[name] for name in ("size", "quality", "background") if isinstance(response.get(name), str)}
    return Picture(content=content, revised_prompt=str(entry.get("revised_prompt") or ""), provenance=facts)


def _used(response: Mapping[str, Any]) -> TokenUsage | None:
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    return TokenUsage(
        input_tokens=_count(usage.get("input_tokens")),
        input_picture_tokens=_count(_member_of(usage.get("input_tokens_details"), "image_tokens")),
        output_tokens=_count(usage.get("output_tokens")),
        output_text_tokens=_count(_member_of(usage.get("output_tokens_details"), "text_tokens")),
    )


def _member_of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _part(picture: InputPicture, name: str) -> tuple[str, bytes, str]:
    extension = pictures.EXTENSIONS.get(picture.content_type, "bin")
    return f"{name}.{extension}", picture.content, picture.content_type


def _plain_fields(body: Mapping[str, Any], form: str = "%s") -> Iterator[tuple[str, str]]:
    """JSON values as form fields: booleans in lower case, nested members as `outer[inner]`."""
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from _plain_fields(value, f"{form % name}[%s]")
        else:
            yield form % name, value if isinstance(value, str) else orjson.dumps(value).decode()
