"""The entrance for the official OpenAI SDKs: `/v1/images/generations` and `/v1/images/edits`.
See docs/upstreams/openai.md, “Image generation” and “Image stream”.

Responses hold `b64_json`, or URLs with `response_format: url`. With `stream: true` partial pictures come as events,
where the engine sends any, then one `completed` event per picture.
"""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from chat.files import links, pictures, stores
from chat.loop import in_thread
from chat.models import File
from imagegen import jobs, services
from imagegen.api import IDEMPOTENCY_KEY, ImageView, ended_in_time, idempotency_key, limit_of, wait
from imagegen.jobs.worker import usage_json
from imagegen.models import ImageJob
from imagegen.serializers import ImageRequestSerializer
from providers import addresses
from providers.authentication import caller_of
from providers.errors import BadRequest, GatewayError
from providers.json_bodies import SiteJSONParser, check_texts, storable
from providers.process import waiting
from providers.responses import event_streams
from providers.sentences import sentence as _

# Members of our API; every other one is a parameter of the model's own and is passed to it (quality, background, …).
OURS = {"prompt", "model", "n", "size", "seed", "steps", "negative_prompt", "engine"}
ALIVE_SECONDS = 15.0  # a comment follows this long without a preview, so that no proxy takes silence for an end
QUALITIES = ("low", "medium", "high", "xhigh", "max")  # values that OpenAI's events can name
BACKGROUNDS = ("transparent", "opaque")
NAMES = ("model", "engine", "size", "image", "images", "mask")  # names and addresses; other members are texts
HANDLED = {"image", "image[]", "images", "mask", "stream", "response_format", "user", "partial_images"}


class OpenAIGenerations(ImageView):
    parser_classes: tuple[type[BaseParser], ...] = (SiteJSONParser,)
    kind = "image_generation"

    @extend_schema(
        operation_id="openai_images_generate",
        parameters=[IDEMPOTENCY_KEY],
        request=ImageRequestSerializer,
        responses=dict,
    )
    def post(self, request: Request, model: str = "") -> HttpResponseBase:
        body = _body(request)
        if model:  # Azure's address names it
            body["model"] = model
        images, mask = self.inputs(request, body)
        streaming, form = _flag(body.get("stream")), _form(body)
        origin = addresses.site_origin_for(request) if form == "url" and not streaming else ""
        job, _new = services.request_images(
            services.JobRequest(
                caller=caller_of(request),
                values={**_values(body), "previews": body.get("partial_images") or 0 if streaming else 0},
                images=images,
                mask=mask,
                idempotency_key=idempotency_key(request),
            )
        )
        if streaming:
            return _with_receipt(_stream(job, self.kind), job)
        job = wait(job)
        data = [_datum(row, form, origin) for row in services.finished_files(job)]
        answer: dict[str, Any] = {"created": int(job.created.timestamp()), "data": data}
        if job.usage:
            answer["usage"] = job.usage
        return _with_receipt(HttpResponse(orjson.dumps(answer), content_type="application/json"), job)

    def inputs(self, request: Request, body: dict[str, Any]) -> tuple[list[object], object]:
        """Input pictures and mask, as `inputs.files_of` takes them."""
        return [], None


class OpenAIEdits(OpenAIGenerations):
    parser_classes = (MultiPartParser, SiteJSONParser)
    kind = "image_edit"

    @extend_schema(
        operation_id="openai_images_edit",
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": ImageRequestSerializer},
        responses=dict,
    )
    def post(self, request: Request, model: str = "") -> HttpResponseBase:
        response: HttpResponseBase = super().post(request, model)
        return response

    def inputs(self, request: Request, body: dict[str, Any]) -> tuple[list[object], object]:
        """Parts named `image` or `image[]`, repeated, in any order; or the JSON form's `images` of URLs."""
        images: list[object] = [*request.FILES.getlist("image"), *request.FILES.getlist("image[]")]
        if not images:
            given = body.get("images") or body.get("image") or []
            images = [_named(item) for item in (given if isinstance(given, list) else [given])]
        if not images:
            raise BadRequest(_("Send at least one picture to edit."), param="image")
        mask = request.FILES.get("mask") or (_named(body["mask"]) if body.get("mask") else None)
        return images, mask


def _named(item: object) -> str:
    """The name of a picture in the JSON form."""
    if isinstance(item, dict):
        return str(item.get("image_url") or item.get("file_id") or "")
    return str(item)


def _body(request: Request) -> dict[str, Any]:
    data = request.data
    if not hasattr(data, "items"):
        raise BadRequest(_("The body must be a JSON object."))
    body = {name: value for name, value in data.items() if name not in request.FILES}
    check_texts({name: value for name, value in body.items() if name in NAMES})
    return {name: storable(value) for name, value in body.items()}


def _values(body: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in body.items() if name in OURS and value not in (None, "")}
    own = {name: value for name, value in body.items() if name not in OURS | HANDLED and value is not None}
    return {**values, "params": own} if own else values


def _form(body: dict[str, Any]) -> str:
    form = body.get("response_format") or "b64_json"
    if form not in ("b64_json", "url"):
        raise BadRequest(_("This must be b64_json or url."), param="response_format")
    return str(form)


def _flag(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _datum(row: File, form: str, origin: str) -> dict[str, Any]:
    facts = {"revised_prompt": row.provenance.get("revised_prompt")} if row.provenance.get("revised_prompt") else {}
    if form == "url":
        return {"url": origin + links.signed_address(row), **facts}
    return {"b64_json": base64.b64encode(stores.read(row.storage_name)).decode(), **facts}


def _with_receipt(response: HttpResponseBase, job: ImageJob) -> HttpResponseBase:
    """The response under the id by which the job's receipt is found."""
    response["X-Request-Id"] = str(job.pk)
    return response


def _stream(job: ImageJob, kind: str) -> HttpResponseBase:
    return event_streams.response(_events(job, kind))


async def _events(job: ImageJob, kind: str) -> AsyncIterator[bytes]:
    feed, index = jobs.feed_of(job.pk), 0
    if feed is not None:
        async with aclosing(feed.moves(patience=ALIVE_SECONDS)) as moves:
            async for move in moves:
                if move is None:
                    yield b": still drawing\n\n"
                elif move[0] == "preview":
                    data = _facts(job, move[1]["content"]) | {"partial_image_index": index}
                    yield _event(f"{kind}.partial_image", data)
                    index += 1
    try:
        job = ended_in_time(await jobs.ended(job, seconds=limit_of(job)))
        rows = await in_thread(services.finished_files, job)
    except GatewayError as error:
        yield b"event: error\n" + b"data: " + orjson.dumps(error.openai_body()) + b"\n\n"
        return
    for number, row in enumerate(rows):
        content = await waiting.in_own_thread(stores.read, row.storage_name)
        usage = job.usage if job.usage and not number else usage_json([])  # once: clients add the events up
        yield _event(f"{kind}.completed", _facts(job, content, row) | {"usage": usage})


def _facts(job: ImageJob, content: bytes, row: File | None = None) -> dict[str, Any]:
    form = (row.content_type if row else pictures.sniff(content)).partition("/")[2]
    asked = job.request.get("params", {})
    size = f"{row.width}x{row.height}" if row and row.width else job.request.get("size") or "auto"
    return {
        "b64_json": base64.b64encode(content).decode(),
        "created_at": int(time.time()),
        "size": size,
        "quality": asked["quality"] if asked.get("quality") in QUALITIES else "auto",
        "background": asked["background"] if asked.get("background") in BACKGROUNDS else "auto",
        "output_format": form or "png",
    }


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps({"type": name, **data}) + b"\n\n"
