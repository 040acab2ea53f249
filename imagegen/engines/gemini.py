"""Google's Gemini API and proxies that speak it: `generateContent`, and `predict` for Imagen.
See docs/upstreams/gemini.md.

The API version is the one in the configured address. Refusals come with HTTP 200, in one of four members; all of them
are read. There is no mask, no negative prompt and no number of pictures: more pictures are more calls.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_lazy

from imagegen import capabilities, embedded, pictures
from imagegen.capabilities import Capabilities
from imagegen.engines import checking, engine_fields, refusals, responses
from imagegen.engines.base import Engine, EngineConfig, EngineField, EngineFinding, ModelChoice, Run
from imagegen.engines.events import Event, Notice, Picture, TokenUsage
from imagegen.engines.params import merged
from imagegen.image_request import AUTO, ImageRequest, InputPicture
from providers import http
from providers.errors import BadRequest, ConfigurationError, ContentRefused, ProviderError
from providers.sentences import counted as ngettext
from providers.sentences import sentence as _
from providers.upstream import error_bodies, kinds, words

DEFAULT_URL = "https://generativelanguage.googleapis.com/v1beta"
GENERATE, PREDICT = "generateContent", "predict"
# Gemini's models, here and in replies of chat models: one picture per call, of a ratio and a resolution.
BY_RATIO = Capabilities(
    edit=True,
    auto=True,
    per_call=1,
    ratios=("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"),
    tiers=("1K", "2K", "4K"),
)
INPUT_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic")
MAX_SEED = 2**31 - 1  # an int32 there
PAGE, MAX_PAGES = 1000, 10  # of the model list
Fetch = Callable[[str], bytes]  # of a picture by its address

# The parameters that a request may bring, and the objects of the body that they go into.
CONTENT_PARAMS = {
    "aspectRatio": ("generationConfig", "imageConfig"),
    "imageSize": ("generationConfig", "imageConfig"),
    "temperature": ("generationConfig",),
    "topP": ("generationConfig",),
    "topK": ("generationConfig",),
}
PREDICT_PARAMS = {"aspectRatio", "sampleImageSize", "personGeneration", "guidanceScale", "language"}

# Finish reasons that are no refusal: the same request may be drawn the next time.
UNDECIDED = {"NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "FINISH_REASON_UNSPECIFIED"}
BLOCKED = {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII", "LANGUAGE"}


class Gemini(Engine):
    name = "gemini"
    label = gettext_lazy("Google Gemini")
    help = gettext_lazy("The Gemini API, Vertex in its express mode, and compatible proxies.")
    fields = (
        engine_fields.address(DEFAULT_URL, gettext_lazy("With the API version at its end, for example v1 or v1beta.")),
        engine_fields.API_KEY,
        engine_fields.MODEL,
        EngineField(
            "method",
            gettext_lazy("Method"),
            kind="choice",
            choices=(("", gettext_lazy("By the model's name")), (GENERATE, GENERATE), (PREDICT, PREDICT)),
        ),
        engine_fields.SIZE,
        engine_fields.params(
            gettext_lazy('Merged into the body last, for example {"generationConfig": {"temperature": 1}}.')
        ),
    )

    variables = "GEMINI"

    def default_capabilities(self, config: EngineConfig) -> Capabilities:
        return replace(BY_RATIO, max_inputs=14, seed=True, input_types=INPUT_TYPES)

    def takes_param(self, config: EngineConfig, name: str) -> bool:
        return name in CONTENT_PARAMS or name in PREDICT_PARAMS

    def prepare(self, config: EngineConfig, request: ImageRequest) -> ImageRequest:
        request = super().prepare(config, request)
        allowed = PREDICT_PARAMS if self._method(config, request) == PREDICT else CONTENT_PARAMS
        if foreign := [name for name in request.params if name not in allowed]:
            raise BadRequest(_("This engine does not take this parameter."), param=foreign[0], code="not_supported")
        if request.seed is not None and request.seed > MAX_SEED:
            raise BadRequest(_("This model's seeds are at most %d.") % MAX_SEED, param="seed", code="not_supported")
        return request

    # --- drawing ---

    def draw(self, config: EngineConfig, request: ImageRequest, run: Run) -> Iterator[Event]:
        can = self.capabilities(config, request.model)
        method = self._method(config, request)
        make: Callable[[Capabilities, ImageRequest], dict[str, Any]]
        read: Callable[[dict[str, Any], ImageRequest], Iterator[Event]]
        make, read = _content_body, partial(_candidates, fetch=partial(self.download, config, run))
        if method == PREDICT:
            make, read = _predict_body, _predictions

        def once(request: ImageRequest) -> Iterator[Event]:
            body = merged(make(can, request), config.params)
            url = f"{config.url or DEFAULT_URL}/models/{_in_path(request.model)}:{method}"
            yield from read(self._posted(config, run, url, body), request)

        per_call = can.per_call if method == PREDICT else 1
        return self.in_calls(run, request, per_call, once)

    def _posted(self, config: EngineConfig, run: Run, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        value = responses.read(self.call(config, run, "POST", url, json=body).content)
        chunks = [responses.as_object(chunk) for chunk in (value if isinstance(value, list) and value else [value])]
        with error_bodies.with_own_credential(config.own_credential):
            for chunk in chunks:
                if chunk.get("error"):
                    raise _as_error(error_bodies.of_value(chunk["error"]))
        return _together(chunks)

    def _method(self, config: EngineConfig, request: ImageRequest) -> str:
        """`generateContent` for edits and Gemini's own models, `predict` for Imagen and all other names."""
        return GENERATE if request.is_edit else self._method_of(config, request.model)

    @staticmethod
    def _method_of(config: EngineConfig, model: str) -> str:
        if config.method:
            return config.method
        return GENERATE if re.match(r"gemini|nano-banana", capabilities.bare_name(model)) else PREDICT

    def auth_headers(self, config: EngineConfig) -> dict[str, str]:
        return {"x-goog-api-key": config.secret} if config.secret else {}  # never in the URL: URLs are logged

    def error(self, response: http.BlockingResponse) -> ProviderError:
        return _as_error(error_bodies.read(response.content), response)

    # --- for the administrator ---

    def models(self, config: EngineConfig) -> list[ModelChoice]:
        listed = self._listed(config)
        drawing = [model for model in listed if model["draws"]]
        return [ModelChoice(model["id"], model["name"]) for model in drawing or listed]

    def check(self, config: EngineConfig) -> EngineFinding:
        kinds.refuse_operation(config.url)
        try:
            models = {model["id"]: model for model in self._listed(config)}
        except ProviderError as error:
            if error.status != 404:
                raise
            message = _("There is no list of models at this address. Enter it with the API version, such as %(url)s.")
            facts = {"url": DEFAULT_URL}
            raise ConfigurationError(message % facts, code="other_address", provider=error.provider) from error
        wanted = self.usual_model(config).removeprefix("models/")
        finding = checking.of_models(wanted, [*models], [name for name, model in models.items() if model["draws"]])
        method, methods = self._method_of(config, wanted), models.get(wanted, {}).get("methods")
        if methods and method not in methods:
            message = _(
                "The model “%(name)s” does not take the method %(method)s, but: %(methods)s. Choose another one."
            )
            facts = {"name": wanted, "method": method, "methods": ", ".join(methods)}
            raise ConfigurationError(message % facts, code="not_supported", param="method")
        return finding

    def _listed(self, config: EngineConfig) -> list[dict[str, Any]]:
        """Every model of the endpoint's list, page by page: id without `models/`, name, and whether it draws."""
        models: list[dict[str, Any]] = []
        query: dict[str, Any] = {"pageSize": PAGE}
        for _page in range(MAX_PAGES):
            response = self.call(config, None, "GET", f"{config.url or DEFAULT_URL}/models", params=query)
            page = responses.as_object(response.json())
            for entry in _objects(page.get("models")):
                model = str(entry.get("name", "")).removeprefix("models/")
                methods = entry.get("supportedGenerationMethods") or ()
                draws = capabilities.draws(self.name, model) or methods == [PREDICT]
                name = str(entry.get("displayName") or "")
                models.append({"id": model, "name": name, "draws": draws, "methods": methods})
            if not (token := page.get("nextPageToken")):
                break
            query["pageToken"] = token
        return models


# --- generateContent --------------------------------------------------------------------------------------------------


def _content_body(can: Capabilities, request: ImageRequest) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": request.prompt}]
    parts += [_inline(pictures.fitted(picture, can.input_types)) for picture in request.images]
    generation: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if image := _shape(can, request, "imageSize"):
        generation["imageConfig"] = image
    if request.seed is not None:
        generation["seed"] = request.seed % (MAX_SEED + 1)
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}], "generationConfig": generation}
    for name, value in request.params.items():
        parent: dict[str, Any] = body
        for member in CONTENT_PARAMS[name]:
            parent = parent.setdefault(member, {})
        parent[name] = value
    return body


def _inline(picture: InputPicture) -> dict[str, Any]:
    return {"inlineData": {"mimeType": picture.content_type, "data": embedded.encode(picture.content)}}


def _shape(can: Capabilities, request: ImageRequest, tier_name: str) -> dict[str, str]:
    """The size as aspect ratio and tier; empty for `auto` and for no size."""
    if request.size in ("", AUTO):
        return {}
    tier = can.tier(request.size)
    return {"aspectRatio": can.ratio(request.size), **({tier_name: tier} if tier else {})}


def _together(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The chunks of an answer as one: lists are joined, of everything else the last counts."""
    whole: dict[str, Any] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            held = whole.get(name)
            whole[name] = [*held, *value] if isinstance(value, list) and isinstance(held, list) else value
    return whole


def _candidates(response: dict[str, Any], request: ImageRequest, fetch: Fetch) -> Iterator[Event]:
    """The pictures of a response, without the drafts of thinking models; the last draft where nothing else came.

    Raises why there is none.
    """
    if usage := _member(response, "usageMetadata", "usage_metadata"):
        yield TokenUsage(
            input_tokens=_count(_member(usage, "promptTokenCount", "prompt_token_count")),
            output_tokens=_count(_member(usage, "candidatesTokenCount", "candidates_token_count"))
            + _count(_member(usage, "thoughtsTokenCount", "thoughts_token_count")),
        )
    model = str(_member(response, "modelVersion", "model_version") or request.model)
    texts, drawn, candidates = list[str](), 0, _objects(response.get("candidates"))
    draft: bytes | str | None = None
    for candidate in candidates:
        for part in _objects((candidate.get("content") or {}).get("parts")):
            content = _content_of(part)
            if part.get("thought"):
                draft = content or draft
            elif content:
                drawn += 1
                yield Picture(content=_fetched(content, fetch), model=model, seed=request.seed)
            elif isinstance(part.get("text"), str):
                texts.append(part["text"])
    if not drawn and draft:
        yield Picture(content=_fetched(draft, fetch), model=model, seed=request.seed)
    elif not drawn:
        raise _missing(response, candidates, words.clean(" ".join(texts)))


def _content_of(part: dict[str, Any]) -> bytes | str | None:
    """The picture in a part, or its address; None where it holds something else."""
    data = _member(part, "inlineData", "inline_data")
    if isinstance(data, dict) and (content := embedded.picture_in(data.get("data"))):
        return content
    file = _member(part, "fileData", "file_data")
    if isinstance(file, dict) and str(_member(file, "mimeType", "mime_type") or "image/").startswith("image/"):
        address = _member(file, "fileUri", "file_uri")
        return address if isinstance(address, str) and address else None
    return None


def _fetched(content: bytes | str, fetch: Fetch) -> bytes:
    return fetch(content) if isinstance(content, str) else content


def _missing(response: dict[str, Any], candidates: list[dict[str, Any]], text: str) -> ProviderError:
    """The error for a response without a picture: prompt or output was blocked, nothing came, or only `text`."""
    feedback = _member(response, "promptFeedback", "prompt_feedback") or {}
    if reason := _member(feedback, "blockReason", "block_reason"):
        message = _member(feedback, "blockReasonMessage", "block_reason_message")
        return _refused(str(reason), words.clean(str(message or "")))
    for candidate in candidates:
        reason = str(_member(candidate, "finishReason", "finish_reason") or "")
        detail = words.clean(str(_member(candidate, "finishMessage", "finish_message") or "")) or text
        if reason in BLOCKED or (reason.startswith("IMAGE_") and reason not in UNDECIDED):
            return _refused(reason, detail)
        if reason in UNDECIDED:
            message = _("The model drew no picture and gave no reason: trying again may help.")
            return ProviderError(
                message, code="no_picture", provider=refusals.with_reason(reason, detail), retryable=True
            )
        if reason == "MAX_TOKENS":
            message = _("The model's answer was cut off before the picture.")
            return ProviderError(message, code="no_picture", provider=refusals.with_reason(reason, detail))
        if reason not in ("", "STOP"):
            message = _("The model drew no picture.")
            return ProviderError(message, code="no_picture", provider=refusals.with_reason(reason, detail))
    if text:
        return ProviderError(_("The model answered in words instead of a picture."), code="no_picture", provider=text)
    return ProviderError(_("The provider answered without a picture."), code="no_picture", retryable=True)


# --- predict ----------------------------------------------------------------------------------------------------------


def _predict_body(can: Capabilities, request: ImageRequest) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "sampleCount": request.n,
        "includeRaiReason": True,
        "outputOptions": {"mimeType": "image/png"},
        **_shape(can, request, "sampleImageSize"),
        **request.params,
    }
    if request.negative_prompt:  # for Vertex alone, where the row's capabilities allow it
        parameters["negativePrompt"] = request.negative_prompt
    if request.seed is not None:
        # On Vertex a watermark makes seeds useless; docs/upstreams/gemini.md, “predict”.
        parameters.update(seed=request.seed % (MAX_SEED + 1), addWatermark=False)
    return {"instances": [{"prompt": request.prompt}], "parameters": parameters}


def _predictions(response: dict[str, Any], request: ImageRequest) -> Iterator[Event]:
    """The pictures of a response. A filtered one is an entry without bytes, or no entry at all."""
    drawn, reasons = 0, []
    for entry in _objects(response.get("predictions")):
        if content := embedded.picture_in(_member(entry, "bytesBase64Encoded", "bytes_base64_encoded")):
            drawn += 1
            yield Picture(content=content, revised_prompt=str(entry.get("prompt") or ""))
        elif reason := _member(entry, "raiFilteredReason", "rai_filtered_reason"):
            reasons.append(words.clean(str(reason)))
    text = "; ".join(dict.fromkeys(reasons))
    if not drawn:
        raise _refused("", text)
    if reasons:
        count = len(reasons)
        sentence = ngettext(
            "The provider's safety rules refused %(count)d picture.",
            "The provider's safety rules refused %(count)d pictures.",
            count,
        ) % {"count": count}
        yield Notice(f"{sentence} {text}")


# --- errors -----------------------------------------------------------------------------------------------------------


def _as_error(body: error_bodies.ErrorBody, response: http.BlockingResponse | None = None) -> ProviderError:
    """Google's errors as ours: there a wrong key is a 400, and the time to wait is in the details."""
    status = response.status if response else 0
    details = _objects((body.detail or {}).get("details"))
    reasons = {str(detail.get("reason", "")) for detail in details}
    if "API_KEY_INVALID" in reasons:
        message = _("The provider does not accept the key (%(status)s).") % {"status": status or 400}
        return ProviderError(message, code="invalid_api_key", provider=body.message, status=status or 400)
    delays = (re.fullmatch(r"([0-9.]+)s", str(detail.get("retryDelay", ""))) for detail in details)
    wait = next((float(delay[1]) for delay in delays if delay), None)
    if wait is None and response is not None:
        wait = error_bodies.wait_after(status, response.headers)
    error = refusals.as_error(body, status=status, wait=wait)
    if error.status == 429 and (_is_exhausted(details) or "limit: 0" in body.message):
        error.retryable = False
    return error


def _is_exhausted(details: list[dict[str, Any]]) -> bool:
    """Whether waiting does not help: the quota is one per day, or zero."""
    violations = [violation for detail in details for violation in _objects(detail.get("violations"))]
    return any(
        "PerDay" in str(quota.get("quotaId", "")) or str(quota.get("quotaValue", "")) == "0" for quota in violations
    )


def _refused(reason: str, text: str) -> ContentRefused:
    return ContentRefused(refusals.REFUSED, provider=refusals.with_reason(reason, text), provider_code=reason)


# --- protobuf's JSON --------------------------------------------------------------------------------------------------


def _member(value: Mapping[str, Any], *names: str) -> Any:
    """A member in either of its spellings; None when it is missing: protobuf leaves default values out."""
    return next((value[name] for name in names if value.get(name) is not None), None)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _count(value: Any) -> int:
    """A number of tokens: 64-bit integers may come as text."""
    return int(value) if str(value).isdecimal() and len(str(value)) < 20 else 0


def _in_path(model: str) -> str:
    return quote(model.removeprefix("models/"), safe="")
