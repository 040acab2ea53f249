"""Chat models that draw in their replies: OpenRouter, and every connection that answers `message.images`.
See docs/upstreams/openrouter.md, “Images in replies”.

A request is one chat message, which gives one picture: more pictures are more calls. The reply is streamed where the
server streams, because closing a stream stops the work, and the bill, at many providers.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy

from imagegen import capabilities, embedded, pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import checking, dialect, engine_fields, entries, refusals, responses
from imagegen.engines.base import Engine, EngineConfig, EngineFinding, ModelChoice, Run
from imagegen.engines.events import Event, Learned, Picture, TokenUsage
from imagegen.engines.gemini import BY_RATIO
from imagegen.engines.params import merged
from imagegen.image_request import AUTO, ImageRequest
from providers import http
from providers.errors import ContentRefused, ProviderError
from providers.sentences import sentence as _
from providers.upstream import endings, error_bodies, kinds, model_lists, words
from providers.upstream.model_lists import ListedModel

DEFAULT_URL = kinds.OPENROUTER.example
OWN = {"model", "messages", "stream", "modalities", "n", "tools", "prompt"}
NEEDED = {"model", "messages"}
IMAGE_PARAMS = {"aspect_ratio", "image_size"}  # go into image_config
_REFUSED_REASON = re.compile(
    r"SAFETY|PROHIBITED|BLOCKLIST|RECITATION|SPII|content_filter|refusal|sensitive", re.IGNORECASE
)
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=_-]+")
_LINKED = re.compile(r"!\[[^\]]*\]\((https?://[^\s)]+)\)")


class ChatReply(Engine):
    name = "chatreply"
    label = gettext_lazy("Chat model that draws")
    help = gettext_lazy("A chat model whose replies carry pictures, for example through OpenRouter.")
    fields = (
        engine_fields.address(DEFAULT_URL),
        engine_fields.API_KEY,
        engine_fields.MODEL,
        engine_fields.SIZE,
        engine_fields.params(
            gettext_lazy('Merged into the body last, for example {"provider": {"order": ["google-vertex"]}}.')
        ),
    )

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        return replace(BY_RATIO, max_inputs=8)

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return name not in OWN and name not in config.dropped

    # --- drawing ---

    def draw(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        can = self.capabilities(config, request.model)

        def once(request: ImageRequest) -> Iterator[Event]:
            nonlocal config
            for attempt in (1, 2):
                reply, body = _Reply(request), self._body(config, can, request)
                needed = NEEDED | set(request.params)
                for event in dialect.send_tolerantly(self._sender(config, run), body, needed, reply.read):
                    if isinstance(event, Learned):
                        config = replace(config, dropped=config.dropped | {event.param})  # for the next call
                    yield event
                if reply.is_empty and attempt == 1:
                    continue  # a model that warms up sends an empty reply the first time
                if reply.usage:
                    yield reply.usage
                for picture in reply.pictures:
                    content = picture if isinstance(picture, bytes) else self.download(config, run, picture)
                    yield Picture(content=content, model=reply.model or request.model)
                if not reply.pictures:
                    raise reply.missing()
                return

        return self.in_calls(run, request, 1, once)

    def _body(self, config: EngineConfig, can: Capabilities, request: ImageRequest) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
        for picture in request.images:
            fitted = pictures.fitted(picture, can.input_types)
            url = pictures.data_url(fitted.content, fitted.content_type)
            content.append({"type": "image_url", "image_url": {"url": url}})
        image = {name: value for name, value in request.params.items() if name in IMAGE_PARAMS}
        if request.size not in ("", AUTO):
            image = {"aspect_ratio": can.ratio(request.size), "image_size": can.tier(request.size), **image}
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": "user", "content": content if request.images else request.prompt}],
            "modalities": list(can.modalities),
            "stream": True,
            **({"image_config": {name: value for name, value in image.items() if value}} if image else {}),
            **({"seed": request.seed} if request.seed is not None else {}),
            **{name: value for name, value in request.params.items() if name not in IMAGE_PARAMS},
        }
        body = {name: value for name, value in body.items() if name in NEEDED or name not in config.dropped}
        return merged(body, config.params)

    def _sender(self, config: EngineConfig, run: Run) -> dialect.Sending:
        url, headers = f"{config.url or DEFAULT_URL}/chat/completions", self.headers(config)

        @contextmanager
        def send(body: Mapping[str, Any]) -> Iterator[http.BlockingResponse]:
            with (
                self.calling(config, run) as options,
                http.stream_blocking("POST", url, headers=headers, json=body, **options) as response,
            ):
                yield response

        return send

    # --- for the administrator ---

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        """The listed models that draw: by their modalities, else by their names; all when none seems to."""
        listed = self._listed(config)
        drawing = [model for model in listed if _draws(model)]
        return [ModelChoice(model.upstream_id, model_lists.name_of(model.raw)) for model in drawing or listed]

    def check(self, config: EngineConfig) -> EngineFinding:
        kinds.refuse_operation(config.url)
        url = config.url or DEFAULT_URL
        kind = kinds.serving(config.connection_kind, url)
        if kind.proof_path:  # its list is served for any key
            self.call(config, None, "GET", f"{url}/{kind.proof_path}")
        listed = self.list_at(config, url, self._listed)
        drawing = [model.upstream_id for model in listed if _draws(model)]
        models = [model.upstream_id for model in listed]
        return checking.of_models(self.usual_model(config), models, drawing, names=kind.also_listed_as)

    def _listed(self, config: EngineConfig) -> list[ListedModel]:
        query = {"output_modalities": "image"}  # OpenRouter hides picture models otherwise; others ignore it
        return self.listed(config, f"{config.url or DEFAULT_URL}/models", query)


def _draws(model: ListedModel) -> bool:
    architecture = model.raw.get("architecture")
    made = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    if isinstance(made, list) and made:
        return "image" in made
    return capabilities.draws(ChatReply.name, model.upstream_id)


class _Reply:
    """One reply, read from a whole response or from a stream."""

    def __init__(self, request: ImageRequest) -> None:
        self.request = request
        self.pictures: list[bytes | str] = []  # bytes, or a URL
        self.text: list[str] = []
        self.refusal = ""
        self.words = error_bodies.of_value("")  # of documents without choices
        self.reasons: list[str] = []
        self.end = ""  # the finish reason
        self.model = ""
        self.usage: TokenUsage | None = None

    def read(self, response: http.BlockingResponse) -> Iterator[Event]:
        for document in dialect.frames(response) if dialect.is_stream(response) else [dialect.document(response)]:
            self._take(document)
        self._take_text()
        yield from ()

    @property
    def is_empty(self) -> bool:
        is_told = self.refusal or self._is_refused or self._has_failed or self.words.message
        return not (self.pictures or is_told or "".join(self.text).strip())

    @property
    def _has_failed(self) -> bool:
        return bool(self.end) and self.end.lower() not in endings.ORDINARY

    @property
    def _is_refused(self) -> bool:
        return any(_REFUSED_REASON.search(reason) for reason in self.reasons)

    def _take(self, document: Mapping[str, Any]) -> None:
        self.model = str(document.get("model") or self.model)
        if isinstance(usage := document.get("usage"), dict):
            self.usage = TokenUsage(
                input_tokens=int(responses.number(usage.get("prompt_tokens")) or 0),
                output_tokens=int(responses.number(usage.get("completion_tokens")) or 0),
                cost=responses.number(usage.get("cost")),
            )
        choices = document.get("choices")
        if not choices or error_bodies.has_failed_inside(document):
            self.words = self.words if self.words.message else entries.reason(document)
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            if error := choice.get("error"):
                raise refusals.as_error(error_bodies.of_value(error))
            ends = (choice.get("finish_reason"), choice.get("native_finish_reason"))
            self.reasons += [str(reason) for reason in ends if reason]
            self.end = str(ends[0] or self.end)
            for name in ("message", "delta"):
                if isinstance(message := choice.get(name), dict):
                    self._take_message(message)

    def _take_message(self, message: Mapping[str, Any]) -> None:
        images = message.get("images")
        for image in images if isinstance(images, list) else [images]:
            self._take_picture(image)
        content = message.get("content")
        if isinstance(content, embedded.Embedded):  # the whole content is a data URL
            self.pictures.append(content.content)
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, dict) and isinstance(part.get("text"), str):
                    self.text.append(part["text"])
                else:
                    self._take_picture(part)
        elif isinstance(content, str):
            self.text.append(content)
        if isinstance(refusal := message.get("refusal"), str):
            self.refusal += refusal

    def _take_picture(self, part: Any) -> None:
        """`{"image_url": {"url"}}`, with or without a type, or the URL alone."""
        url = part.get("image_url", part.get("url")) if isinstance(part, dict) else part
        url = url.get("url") if isinstance(url, dict) else url
        if content := embedded.picture_in(url):
            if content not in self.pictures:  # some streams repeat it in their last frame
                self.pictures.append(content)
        elif isinstance(url, str) and url.startswith(("https://", "http://")):
            self.pictures.append(url)

    def _take_text(self) -> None:
        """Some proxies put the picture into the text, as Markdown with a data URL or another URL."""
        text = "".join(self.text)
        if not self.pictures:
            self.pictures += [content for url in _DATA_URL.findall(text) if (content := embedded.picture_in(url))]
            self.pictures += _LINKED.findall(text)

    def missing(self) -> ProviderError:
        """The error for a reply without a picture."""
        text = words.clean(self.refusal or "".join(self.text))
        if self.refusal or self._is_refused:
            reason = next((reason for reason in reversed(self.reasons) if _REFUSED_REASON.search(reason)), "")
            return ContentRefused(refusals.REFUSED, provider=refusals.with_reason(reason, text), provider_code=reason)
        if error_bodies.is_content_refusal(self.words):
            return refusals.as_error(self.words)
        if self._has_failed:
            return endings.ended_early(self.end, refusals.with_reason(self.end, text))
        if text:
            message = _("The model answered in words instead of a picture.")
            return ProviderError(message, code="no_picture", provider=text)
        if self.words.message:
            message = _("The provider answered without a picture.")
            return ProviderError(message, code="no_picture", provider=self.words.message)
        if not self.reasons:
            message = _("The provider's answer ended before the picture was complete.")
            return ProviderError(message, code="stream_cut", retryable=True)
        return ProviderError(_("The provider answered without a picture."), code="no_picture", retryable=True)
