"""Google's Gemini API and proxies that speak it: `generateContent`, and `predict` for Imagen.
See docs/upstreams/gemini.md.

The API version stays as it was configured in the address. Refusals come with HTTP 200 and are spread over four members;
all of them are read. There is no mask, no negative prompt and no number of pictures: more pictures are more calls.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagegen import capabilities, embedded, pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import refusals
from imagegen.engines.base import (
    Engine,
    EngineConfig,
    EngineField,
    Event,
    ModelChoice,
    Notice,
    Picture,
    Run,
    TokenUsage,
)
from imagegen.engines.params import merged
from imagegen.picture_request import AUTO, InputPicture, PictureRequest
from providers import http
from providers.errors import BadRequest, ContentRefused, ProviderError
from providers.upstream import error_bodies, words

DEFAULT_URL = "https://generativelanguage.googleapis.com/v1beta"
GENERATE, PREDICT = "generateContent", "predict"
SHAPES = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
INPUT_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic")
MAX_SEED = 2**31 - 1  # an int32 there
PAGE, MAX_PAGES = 1000, 10  # of the model list

# What a request may bring by itself, and where it goes.
CONTENT_PARAMS = {
    "aspectRatio": ("generationConfig", "imageConfig"),
    "imageSize": ("generationConfig", "imageConfig"),
    "temperature": ("generationConfig",),
    "topP": ("generationConfig",),
    "topK": ("generationConfig",),
}
PREDICT_PARAMS = {"aspectRatio", "sampleImageSize", "personGeneration", "guidanceScale", "language"}

# Finish reasons without a verdict: the same wish may well be drawn next time.
UNDECIDED = {"NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "FINISH_REASON_UNSPECIFIED"}
BLOCKED = {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII", "LANGUAGE"}


class Gemini(Engine):
    name = "gemini"
    label = gettext_lazy("Google Gemini")
    help = gettext_lazy("The Gemini API, Vertex in its express mode, and compatible proxies.")
    fields = (
        EngineField(
            "url",
            gettext_lazy("Address"),
            gettext_lazy("With the API version at its end, for example v1 or v1beta."),
            kind="url",
            default=DEFAULT_URL,
        ),
        EngineField("secret", gettext_lazy("API key"), kind="secret"),
        EngineField("model", gettext_lazy("Model"), kind="model"),
        EngineField(
            "method",
            gettext_lazy("Method"),
            kind="choice",
            choices=(("", gettext_lazy("By the model's name")), (GENERATE, GENERATE), (PREDICT, PREDICT)),
        ),
        EngineField("size", gettext_lazy("Size"), kind="size"),
        EngineField(
            "params",
            gettext_lazy("Parameters"),
            gettext_lazy('Merged into the body last, for example {"generationConfig": {"temperature": 1}}.'),
            kind="json",
        ),
    )

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        return Capabilities(
            edit=True,
            max_inputs=14,
            seed=True,
            auto=True,
            per_call=1,
            ratios=SHAPES,
            tiers=("1K", "2K", "4K"),
            input_types=INPUT_TYPES,
        )

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return name in CONTENT_PARAMS or name in PREDICT_PARAMS

    def prepare(self, config: EngineConfig, request: PictureRequest) -> PictureRequest:
        request = super().prepare(config, request)
        allowed = PREDICT_PARAMS if self._method(config, request) == PREDICT else CONTENT_PARAMS
        if foreign := [name for name in request.params if name not in allowed]:
            raise BadRequest(_("This engine does not take this parameter."), param=foreign[0], code="not_supported")
        if request.seed is not None and request.seed > MAX_SEED:
            raise BadRequest(_("This model's seeds are at most %d.") % MAX_SEED, param="seed", code="not_supported")
        return request

    # --- drawing ---

    def draw(self, config: EngineConfig, request: PictureRequest, run: Run) -> Iterator[Event]:
        can = self.capabilities(config, request.model)
        method = self._method(config, request)
        make: Callable[[Capabilities, PictureRequest], dict[str, Any]]
        make, read = (_predict_body, _predictions) if method == PREDICT else (_content_body, _candidates)

        def once(request: PictureRequest) -> Iterator[Event]:
            body = merged(make(can, request), config.params)
            url = f"{config.url or DEFAULT_URL}/models/{_in_path(request.model)}:{method}"
            yield from read(self._posted(config, run, url, body), request)

        per_call = can.per_call if method == PREDICT else 1
        return self.in_calls(run, request, per_call, once)

    def _posted(self, config: EngineConfig, run: Run, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.call(config, run, "POST", url, json=body)
        try:
            value = embedded.loads(answer.content)
        except ValueError as error:
            provider = error_bodies.provider_words(answer.content)
            message = _("The provider's answer is not JSON.")
            raise ProviderError(message, code="invalid_answer", provider=provider) from error
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict):
            raise ProviderError(_("The provider's answer has another form than expected."), code="invalid_answer")
        if value.get("error"):
            raise _as_error(error_bodies.of_value(value["error"]))
        return value

    def _method(self, config: EngineConfig, request: PictureRequest) -> str:
        """Imagen and what nobody knows is predicted, as ever; Gemini's own models generate; edits always do."""
        if request.is_edit:
            return GENERATE
        if config.method:
            return config.method
        return GENERATE if re.match(r"gemini|nano-banana", capabilities.bare_name(request.model)) else PREDICT

    def headers(self, config: EngineConfig) -> dict[str, str]:
        if config.secret and not config.auth:
            return {**config.headers, "x-goog-api-key": config.secret}  # never in the URL: URLs are logged
        return super().headers(config)

    def error(self, answer: http.BlockingResponse) -> ProviderError:
        return _as_error(error_bodies.read(answer.content), answer)

    # --- for the administrator ---

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        listed = self._listed(config)
        drawing = [one for one in listed if one["draws"]]
        return [ModelChoice(one["id"], one["name"]) for one in drawing or listed]

    def check(self, config: EngineConfig) -> str:
        listed = self._listed(config)
        counts = {"count": len(listed), "drawing": sum(one["draws"] for one in listed)}
        return _("%(count)d models, %(drawing)d of them for pictures.") % counts

    def _listed(self, config: EngineConfig) -> list[dict[str, Any]]:
        """Every model of the endpoint's list, page by page: id without `models/`, name, and whether it draws."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"pageSize": PAGE}
        for _page in range(MAX_PAGES):
            answer = self.call(config, None, "GET", f"{config.url or DEFAULT_URL}/models", params=query).json()
            if not isinstance(answer, dict):
                raise ProviderError(_("The provider's answer has another form than expected."), code="invalid_answer")
            for one in answer.get("models") or ():
                model = str(one.get("name", "")).removeprefix("models/")
                methods = one.get("supportedGenerationMethods") or ()
                draws = capabilities.draws(self.name, model) or methods == [PREDICT]
                found.append({"id": model, "name": str(one.get("displayName") or ""), "draws": draws})
            if not (token := answer.get("nextPageToken")):
                break
            query["pageToken"] = token
        return found


# --- generateContent --------------------------------------------------------------------------------------------------


def _content_body(can: Capabilities, request: PictureRequest) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": request.prompt}]
    parts += [_inline(pictures.fitted(one, can.input_types)) for one in request.images]
    generation: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if image := _shape(can, request, "imageSize"):
        generation["imageConfig"] = image
    if request.seed is not None:
        generation["seed"] = request.seed % (MAX_SEED + 1)
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}], "generationConfig": generation}
    for name, value in request.params.items():
        place: dict[str, Any] = body
        for step in CONTENT_PARAMS[name]:
            place = place.setdefault(step, {})
        place[name] = value
    return body


def _inline(picture: InputPicture) -> dict[str, Any]:
    return {"inlineData": {"mimeType": picture.content_type, "data": embedded.encode(picture.content)}}


def _shape(can: Capabilities, request: PictureRequest, tier_name: str) -> dict[str, str]:
    """A wished size as shape and tier; nothing for `auto` and for no wish."""
    if request.size in ("", AUTO):
        return {}
    tier = can.tier(request.size)
    return {"aspectRatio": can.ratio(request.size), **({tier_name: tier} if tier else {})}


def _candidates(answer: dict[str, Any], request: PictureRequest) -> Iterator[Event]:
    """The pictures of an answer, drafts of thinking models left out. Raises what it says instead of a picture."""
    if usage := _member(answer, "usageMetadata", "usage_metadata"):
        yield TokenUsage(
            input_tokens=_count(_member(usage, "promptTokenCount", "prompt_token_count")),
            output_tokens=_count(_member(usage, "candidatesTokenCount", "candidates_token_count"))
            + _count(_member(usage, "thoughtsTokenCount", "thoughts_token_count")),
        )
    model = str(_member(answer, "modelVersion", "model_version") or request.model)
    said, drawn, reasons = [], 0, []
    for candidate in _objects(answer.get("candidates")):
        reasons.append(candidate)
        for part in _objects((candidate.get("content") or {}).get("parts")):
            data = _member(part, "inlineData", "inline_data") or {}
            if part.get("thought"):
                continue
            if content := embedded.picture_in(data.get("data")):
                drawn += 1
                yield Picture(content=content, model=model, seed=request.seed)
            elif isinstance(part.get("text"), str):
                said.append(part["text"])
    if not drawn:
        raise _missing(answer, reasons, words.clean(" ".join(said)))


def _missing(answer: dict[str, Any], candidates: list[dict[str, Any]], said: str) -> ProviderError:
    """Why there is no picture: the prompt was blocked, the output was, nothing came, or the model only talked."""
    feedback = _member(answer, "promptFeedback", "prompt_feedback") or {}
    if reason := _member(feedback, "blockReason", "block_reason"):
        told = _member(feedback, "blockReasonMessage", "block_reason_message")
        return _refused(str(reason), words.clean(str(told or "")))
    for candidate in candidates:
        reason = str(_member(candidate, "finishReason", "finish_reason") or "")
        told = words.clean(str(_member(candidate, "finishMessage", "finish_message") or "")) or said
        if reason in BLOCKED or (reason.startswith("IMAGE_") and reason not in UNDECIDED):
            return _refused(reason, told)
        if reason in UNDECIDED:
            message = _("The model drew no picture and gave no reason: trying again may help.")
            return ProviderError(message, code="no_picture", provider=_told(reason, told), retryable=True)
        if reason == "MAX_TOKENS":
            message = _("The model's answer was cut off before the picture.")
            return ProviderError(message, code="no_picture", provider=_told(reason, told))
        if reason not in ("", "STOP"):
            return ProviderError(_("The model drew no picture."), code="no_picture", provider=_told(reason, told))
    if said:
        return ProviderError(_("The model answered in words instead of a picture."), code="no_picture", provider=said)
    return ProviderError(_("The provider answered without a picture."), code="no_picture", retryable=True)


# --- predict ----------------------------------------------------------------------------------------------------------


def _predict_body(can: Capabilities, request: PictureRequest) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "sampleCount": request.n,
        "includeRaiReason": True,
        "outputOptions": {"mimeType": "image/png"},
        **_shape(can, request, "sampleImageSize"),
        **request.params,
    }
    if request.negative_prompt:  # Vertex only: a row's capabilities say so
        parameters["negativePrompt"] = request.negative_prompt
    if request.seed is not None:
        parameters.update(
            seed=request.seed % (MAX_SEED + 1), addWatermark=False
        )  # a watermark makes seeds useless there
    return {"instances": [{"prompt": request.prompt}], "parameters": parameters}


def _predictions(answer: dict[str, Any], request: PictureRequest) -> Iterator[Event]:
    """A filtered picture is an entry without bytes, or no entry at all; an entry with safety scores is none."""
    drawn, reasons = 0, []
    for entry in _objects(answer.get("predictions")):
        if content := embedded.picture_in(_member(entry, "bytesBase64Encoded", "bytes_base64_encoded")):
            drawn += 1
            yield Picture(content=content, revised_prompt=str(entry.get("prompt") or ""))
        elif reason := _member(entry, "raiFilteredReason", "rai_filtered_reason"):
            reasons.append(words.clean(str(reason)))
    told = "; ".join(dict.fromkeys(reasons))
    if not drawn:
        raise _refused("", told)
    if reasons:
        sentence = _("The provider's safety rules refused %(count)d pictures.") % {"count": len(reasons)}
        yield Notice(f"{sentence} {told}")


# --- errors -----------------------------------------------------------------------------------------------------------


def _as_error(body: error_bodies.ErrorBody, answer: http.BlockingResponse | None = None) -> ProviderError:
    """Google's classes of error: a bad key is a 400 there, and when to try again stands in the details."""
    status = answer.status if answer else 0
    details = _objects((body.detail or {}).get("details"))
    reasons = {str(one.get("reason", "")) for one in details}
    wait = error_bodies.wait_of(answer.headers) if answer else None
    for one in details:
        if match := re.fullmatch(r"([0-9.]+)s", str(one.get("retryDelay", ""))):
            wait = float(match[1])
    if "API_KEY_INVALID" in reasons:
        message = _("The provider does not accept the key (%(status)s).") % {"status": status or 400}
        return ProviderError(message, code="invalid_api_key", provider=body.message, status=status or 400)
    error = refusals.as_error(body, status=status, wait=wait)
    if error.status == 429 and (_is_exhausted(details) or "limit: 0" in body.message):
        error.retryable = False
    return error


def _is_exhausted(details: list[dict[str, Any]]) -> bool:
    """Whether a quota does not heal soon: one per day, or none at all."""
    violations = [violation for one in details for violation in _objects(one.get("violations"))]
    return any("PerDay" in str(one.get("quotaId", "")) or str(one.get("quotaValue", "")) == "0" for one in violations)


def _refused(reason: str, told: str) -> ContentRefused:
    return ContentRefused(refusals.REFUSED, provider=_told(reason, told))


def _told(reason: str, told: str) -> str:
    return f"{reason}: {told}" if reason and told else reason or told


# --- protobuf's JSON --------------------------------------------------------------------------------------------------


def _member(value: Mapping[str, Any], *names: str) -> Any:
    """A member in either of its spellings; None when it is away, which is normal there."""
    return next((value[name] for name in names if value.get(name) is not None), None)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _count(value: Any) -> int:
    """64-bit numbers may come as texts."""
    return int(value) if str(value).isdigit() else 0


def _in_path(model: str) -> str:
    return quote(model.removeprefix("models/"), safe="")
