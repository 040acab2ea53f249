"""Chat models that draw in their replies: OpenRouter, and every connection that answers `message.images`.
See docs/upstreams/openrouter.md, “Images in replies”.

One wish is one chat message; there is no number of pictures, so more pictures are more calls. The reply is streamed
where the server streams: closing a stream is what stops the work, and the bill, at many providers.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagegen import capabilities, embedded, pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import dialect, refusals
from imagegen.engines.base import (
    Engine,
    EngineConfig,
    EngineField,
    Event,
    Learned,
    ModelChoice,
    Picture,
    Run,
    TokenUsage,
)
from imagegen.engines.gemini import SHAPES
from imagegen.engines.params import merged
from imagegen.picture_request import AUTO, PictureRequest
from providers import http
from providers.errors import ContentRefused, ProviderError
from providers.upstream import error_bodies, kinds, words

DEFAULT_URL = kinds.OPENROUTER.example
OWN = {"model", "messages", "stream", "modalities", "n", "tools", "prompt"}
NEEDED = {"model", "messages"}
IMAGE_PARAMS = {"aspect_ratio", "image_size"}  # go into image_config
_REFUSED_REASON = re.compile(r"SAFETY|PROHIBITED|BLOCKLIST|RECITATION|SPII|content_filter|refusal", re.IGNORECASE)
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=_-]+")
_LINKED = re.compile(r"!\[[^\]]*\]\((https?://[^\s)]+)\)")


class ChatReply(Engine):
    name = "chatreply"
    label = gettext_lazy("Chat model that draws")
    help = gettext_lazy("A chat model whose replies carry pictures, for example through OpenRouter.")
    fields = (
        EngineField("url", gettext_lazy("Address"), kind="url", default=DEFAULT_URL),
        EngineField("secret", gettext_lazy("API key"), kind="secret"),
        EngineField("model", gettext_lazy("Model"), kind="model"),
        EngineField("size", gettext_lazy("Size"), kind="size"),
        EngineField(
            "params",
            gettext_lazy("Parameters"),
            gettext_lazy('Merged into the body last, for example {"provider": {"order": ["google-vertex"]}}.'),
            kind="json",
        ),
    )

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        return Capabilities(
            edit=True,
            max_inputs=8,
            per_call=1,
            auto=True,
            ratios=SHAPES,
            tiers=("1K", "2K", "4K"),
        )

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return name not in OWN and name not in config.dropped

    # --- drawing ---

    def draw(self, config: EngineConfig, request: PictureRequest, run: Run) -> Iterator[Event]:
        can = self.capabilities(config, request.model)

        def once(request: PictureRequest) -> Iterator[Event]:
            nonlocal config
            for attempt in (1, 2):
                reply, body = _Reply(request), self._body(config, can, request)
                needed = NEEDED | set(request.params)
                for event in dialect.asked_twice(self._sender(config, run), body, needed, reply.read):
                    if isinstance(event, Learned):
                        config = replace(config, dropped=config.dropped | {event.param})  # for the calls after this one
                    yield event
                if reply.is_empty and attempt == 1:
                    continue  # models that warm up answer with nothing at all the first time
                if reply.used:
                    yield reply.used
                for found in reply.found:
                    content = found if isinstance(found, bytes) else self.download(config, run, found)
                    yield Picture(content=content, model=reply.model or request.model, provenance=reply.facts)
                if not reply.found:
                    raise reply.missing()
                return

        return self.in_calls(run, request, 1, once)

    def _body(self, config: EngineConfig, can: Capabilities, request: PictureRequest) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
        for one in request.images:
            fitted = pictures.fitted(one, can.input_types)
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
                http.stream_blocking("POST", url, headers=headers, json=body, **options) as answer,
            ):
                yield answer

        return send

    def error(self, answer: http.BlockingResponse) -> ProviderError:
        return refusals.error_for(answer)

    # --- for the administrator ---

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        """The listed models that say that they draw; where none says anything, those whose names sound like it."""
        listed = self._listed(config)
        drawing = [one for one in listed if _draws(one)]
        return [ModelChoice(str(one["id"]), str(one.get("name") or "")) for one in drawing or listed]

    def check(self, config: EngineConfig) -> str:
        url = config.url or DEFAULT_URL
        owner = kinds.at(url)
        if owner is not None and owner.proof_path:  # its list answers to any key
            self.call(config, None, "GET", f"{url}/{owner.proof_path}")
        listed = self._listed(config)
        counts = {"count": len(listed), "drawing": sum(map(_draws, listed))}
        return _("%(count)d models, %(drawing)d of them for pictures.") % counts

    def _listed(self, config: EngineConfig) -> list[dict[str, Any]]:
        query = {"output_modalities": "image"}  # OpenRouter hides picture models otherwise; others ignore it
        value = self.call(config, None, "GET", f"{config.url or DEFAULT_URL}/models", params=query).json()
        entries = value.get("data") if isinstance(value, dict) else value
        return [one for one in entries or () if isinstance(one, dict) and one.get("id")]


def _draws(entry: Mapping[str, Any]) -> bool:
    architecture = entry.get("architecture")
    if isinstance(architecture, dict) and (made := architecture.get("output_modalities")):
        return "image" in made
    return capabilities.draws(ChatReply.name, str(entry["id"]))


class _Reply:
    """What one chat answer, whole or streamed, amounts to."""

    def __init__(self, request: PictureRequest) -> None:
        self.request = request
        self.found: list[bytes | str] = []  # pictures, or their addresses
        self.text: list[str] = []
        self.refusal = ""
        self.reasons: list[str] = []
        self.model = ""
        self.used: TokenUsage | None = None
        self.facts: dict[str, Any] = {}

    def read(self, answer: http.BlockingResponse) -> Iterator[Event]:
        for document in dialect.frames(answer) if dialect.is_stream(answer) else [dialect.document(answer)]:
            self._take(document)
        self._take_text()
        yield from ()

    @property
    def is_empty(self) -> bool:
        return not (self.found or "".join(self.text).strip() or self.refusal or self._is_refused)

    @property
    def _is_refused(self) -> bool:
        return any(_REFUSED_REASON.search(reason) for reason in self.reasons)

    def _take(self, document: Mapping[str, Any]) -> None:
        self.model = str(document.get("model") or self.model)
        if isinstance(usage := document.get("usage"), dict):
            cost = usage.get("cost")
            self.used = TokenUsage(
                input_tokens=int(usage.get("prompt_tokens") or 0),
                output_tokens=int(usage.get("completion_tokens") or 0),
                cost=float(cost) if isinstance(cost, int | float) else None,
            )
        for choice in document.get("choices") or ():
            if error := choice.get("error"):
                raise refusals.as_error(error_bodies.of_value(error))
            ends = (choice.get("finish_reason"), choice.get("native_finish_reason"))
            self.reasons += [str(reason) for reason in ends if reason]
            self._take_message(choice.get("message") or choice.get("delta") or {})

    def _take_message(self, message: Mapping[str, Any]) -> None:
        for one in message.get("images") or ():
            self._take_picture(one)
        content = message.get("content")
        if isinstance(content, embedded.Embedded):  # the whole content is a data URL
            self.found.append(content.content)
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

    def _take_picture(self, one: Any) -> None:
        """`{"image_url": {"url"}}`, with or without a type, or a text alone."""
        where = one.get("image_url", one.get("url")) if isinstance(one, dict) else one
        where = where.get("url") if isinstance(where, dict) else where
        if content := embedded.picture_in(where):
            if content not in self.found:  # some streams repeat it in their last frame
                self.found.append(content)
        elif isinstance(where, str) and where.startswith(("https://", "http://")):
            self.found.append(where)

    def _take_text(self) -> None:
        """Some proxies put the picture into the text, as Markdown with a data URL or an address."""
        text = "".join(self.text)
        if not self.found:
            self.found += [found for url in _DATA_URL.findall(text) if (found := embedded.picture_in(url))]
            self.found += _LINKED.findall(text)

    def missing(self) -> ProviderError:
        """Why there is no picture."""
        told = words.clean(self.refusal or "".join(self.text))
        if self.refusal or self._is_refused:
            reason = next((one for one in reversed(self.reasons) if _REFUSED_REASON.search(one)), "")
            told = f"{reason}: {told}" if reason and told else told or reason
            return ContentRefused(refusals.REFUSED, provider=told)
        if told:
            message = _("The model answered in words instead of a picture.")
            return ProviderError(message, code="no_picture", provider=told)
        if not self.reasons:
            message = _("The provider's answer ended before the picture was complete.")
            return ProviderError(message, code="stream_cut", retryable=True)
        return ProviderError(_("The provider answered without a picture."), code="no_picture", retryable=True)
