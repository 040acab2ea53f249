"""The Gemini API: `generateContent`, `predict` and the model list, with Google's errors and its ways of refusing.

In a test::

    gemini = upstream.gemini                      # at upstream.gemini.url (…/v1beta); POSTs work under any version
    gemini.key = "AIza-ours"                      # other keys get the 400 that stands for a 401 there
    gemini.pictures = [jpeg(16, 16)]              # what is drawn, in turn; a PNG of the asked shape without
    upstream.script(blocked_prompt("SAFETY"), finished("IMAGE_SAFETY", "Unsafe."), said("Which kite?"))
    upstream.script(predicted(png(8, 8), "filtered, code 29310472"))
    upstream.script(error(429, "RESOURCE_EXHAUSTED", "Slow.", retry_info("34s")))

Requests are checked as the real one does: a field that it does not know is a 400.
"""

import base64
import io
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.upstream.core import Protocol, Received
from tests.upstream.pictures import png
from tests.upstream.replies import Reply, in_json

# GET …/v1/models is OpenAI's, so the list is only at Google's own version names.
LISTS = r"(?:/[^/]+)*?/(?:v1beta1?|v1alpha|gemini/v1)"
MODELS = r"(?:/[^/]+)*?/models/(?P<model>[^:]+)"
TOP = {"contents", "generationConfig", "generation_config", "safetySettings", "safety_settings", "systemInstruction"}
GENERATION = {
    "responseModalities",
    "imageConfig",
    "candidateCount",
    "temperature",
    "topP",
    "topK",
    "seed",
    "maxOutputTokens",
    "stopSequences",
    "thinkingConfig",
}
IMAGE = {"aspectRatio", "imageSize"}
PREDICT = {
    "sampleCount",
    "aspectRatio",
    "sampleImageSize",
    "personGeneration",
    "safetySetting",
    "includeRaiReason",
    "outputOptions",
    "guidanceScale",
    "language",
    "includeSafetyAttributes",
}
INPUTS = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}


class Gemini(Protocol):
    routes: ClassVar = [
        ("POST", MODELS + ":generateContent", "generate"),
        ("POST", MODELS + ":predict", "predict"),
        ("GET", LISTS + "/models", "list_models"),
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.key = ""
        self.pictures: list[bytes] = []
        self.models: list[dict[str, Any]] = [
            {"name": "models/gemini-3.1-flash-image", "displayName": "Gemini 3.1 Flash Image"},
            {"name": "models/gemini-3.5-flash", "displayName": "Gemini 3.5 Flash"},
        ]
        self.page_size = 1000

    @property
    def url(self) -> str:
        return f"{self.upstream.origin}/v1beta"

    def _refusal(self, received: Received) -> Reply | None:
        if self.key and received.headers.get("x-goog-api-key", "") != self.key:
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            return error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason)
        return None

    def _picture(self, shape: str) -> bytes:
        if self.pictures:
            return self.pictures.pop(0)
        across, down = (int(part) for part in shape.split(":"))
        return png(across * 4, down * 4)

    def generate(self, received: Received) -> Reply:
        asked = received.json
        if refusal := self._refusal(received) or _misfit(asked):
            return refusal
        shape = asked.get("generationConfig", {}).get("imageConfig", {}).get("aspectRatio", "1:1")
        return drew(self._picture(shape), model=received.params["model"])

    def predict(self, received: Received) -> Reply:
        asked = received.json
        if refusal := self._refusal(received):
            return refusal
        parameters = asked.get("parameters", {})
        for name in parameters:
            if name not in PREDICT:
                return error(400, "INVALID_ARGUMENT", f"Unknown name \"{name}\" at 'parameters': Cannot find field.")
        shape = parameters.get("aspectRatio", "1:1")
        return predicted(*(self._picture(shape) for _ in range(parameters.get("sampleCount", 4))))

    def list_models(self, received: Received) -> Reply:
        if refusal := self._refusal(received):
            return refusal
        start = int(received.query.get("pageToken", 0))
        end = start + min(self.page_size, int(received.query.get("pageSize", 50)))
        page = [{"supportedGenerationMethods": ["generateContent"], **one} for one in self.models[start:end]]
        more = {"nextPageToken": str(end)} if end < len(self.models) else {}
        return in_json({"models": page, **more})


def _misfit(asked: Any) -> Reply | None:
    """Google's error for a body that it does not understand."""
    generation = asked.get("generationConfig", {})
    image = generation.get("imageConfig", {})
    for value, known, where in (
        (asked, TOP, ""),
        (generation, GENERATION, "generation_config"),
        (image, IMAGE, "image"),
    ):
        for name in value:
            if name not in known:
                words = f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
                return error(400, "INVALID_ARGUMENT", words)
    for part in asked["contents"][0]["parts"]:
        kind = part.get("inlineData", {}).get("mimeType", "image/png")
        if kind not in INPUTS:
            return error(400, "INVALID_ARGUMENT", f"Unsupported MIME type: {kind}")
    return None


# --- what a test queues ---


def jpeg(width: int = 16, height: int = 16) -> bytes:
    """A real JPEG: the form in which current image models answer."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 40, 40)).save(out, "JPEG")
    return out.getvalue()


def inline(content: bytes, content_type: str = "image/jpeg", **flags: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": content_type, "data": base64.b64encode(content).decode()}, **flags}


def answer(
    *parts: Mapping[str, Any], finish: str = "STOP", model: str = "gemini-3.1-flash-image", **more: Any
) -> Reply:
    """An answer of these parts, in Google's form."""
    candidate = {"index": 0, "finishReason": finish, "content": {"role": "model", "parts": list(parts)}}
    usage = {
        "promptTokenCount": 270,
        "candidatesTokenCount": "1120",
        "thoughtsTokenCount": 90,
        "totalTokenCount": 1480,
    }
    return in_json({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, **more})


def drew(*contents: bytes, model: str = "gemini-3.1-flash-image") -> Reply:
    return answer({"text": "Here it is."}, *(inline(one) for one in contents), model=model)


def said(text: str) -> Reply:
    """A response with text and no picture."""
    return answer({"text": text})


def blocked_prompt(reason: str) -> Reply:
    return in_json({"promptFeedback": {"blockReason": reason}, "modelVersion": "gemini-3.1-flash-image"})


def finished(reason: str, message: str = "") -> Reply:
    """An output without content, as blocked ones come."""
    told = {"finishMessage": message} if message else {}
    return in_json({"candidates": [{"index": 0, "finishReason": reason, **told}]})


def predicted(*entries: bytes | str) -> Reply:
    """Imagen's answer: pictures as bytes, filter reasons as texts."""
    predictions = [
        {"raiFilteredReason": one}
        if isinstance(one, str)
        else {"mimeType": "image/png", "bytesBase64Encoded": base64.b64encode(one).decode()}
        for one in entries
    ]
    return in_json({"predictions": predictions} if predictions else {})


def error(status: int, kind: str, message: str, *details: Mapping[str, Any], as_list: bool = False) -> Reply:
    body: Any = {"error": {"code": status, "message": message, "status": kind, "details": list(details)}}
    return in_json([body] if as_list else body, status)


def retry_info(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def quota_failure(quota: str, value: str = "10") -> dict[str, Any]:
    violation = {"quotaMetric": "m", "quotaId": quota, "quotaValue": value}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
