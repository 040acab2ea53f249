"""The gateway's views: for browsers with a session, and for API keys while the lane is off.

One view for each operation, with the calls and responses of the lane, and the model lists.
"""

from collections.abc import AsyncGenerator
from inspect import isawaitable
from io import BytesIO
from os import SEEK_END
from typing import Any, ClassVar

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.datastructures import MultiValueDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.request import Request
from rest_framework.views import APIView

from providers import callers, catalogue
from providers.authentication import IsCaller, caller_of, key_in, user_of
from providers.catalogue import discovery
from providers.errors import GatewayError
from providers.facts import Caller
from providers.process import client_address
from providers.process._django_private import body_file
from providers.relay import anthropic_models, calls, forms, own_usage
from providers.relay.forms import ReceivedForm
from providers.relay.made.table import OPERATIONS_ON_MADE, OnMade
from providers.relay.operations import FORM, Operation
from providers.relay.request import admit, read_on_loop
from providers.relay.response import RelayResponse
from providers.relay.routing import made_calls
from providers.relay.serializers import (
    STREAMED,
    ModelListSerializer,
    ModelSerializer,
    OpenAIErrorSerializer,
    model_list,
    model_object,
)
from providers.responses import error_responses
from providers.rest import AnyAccept

REFRESH_SECONDS = 3.0  # the wait for a refreshed list; slower servers appear in the next one

REFUSED: dict[Any, OpenApiResponse] = {
    401: OpenApiResponse(OpenAIErrorSerializer, description="No key, or none that is known here"),
    403: OpenApiResponse(OpenAIErrorSerializer, description="The key was made for something else"),
    404: OpenApiResponse(OpenAIErrorSerializer, description="No such model, or not for this caller"),
    503: OpenApiResponse(OpenAIErrorSerializer, description="Connections are switched off or not configured"),
}
FAILED: dict[Any, OpenApiResponse] = {
    400: OpenApiResponse(OpenAIErrorSerializer, description="The request cannot be understood"),
    413: OpenApiResponse(OpenAIErrorSerializer, description="The body is too large"),
    429: OpenApiResponse(OpenAIErrorSerializer, description="Too much at once; see `Retry-After`"),
    502: OpenApiResponse(OpenAIErrorSerializer, description="`upstream_unreachable`: the provider does not answer"),
    504: OpenApiResponse(OpenAIErrorSerializer, description="`upstream_timeout`: the provider is too slow"),
}
RELAYED: dict[Any, OpenApiResponse] = {**REFUSED, **STREAMED, **FAILED}


class OpenAIView(APIView):
    """Base of views for programs. Errors are in English whatever `Accept-Language` says, as on the lane."""

    content_negotiation_class = AnyAccept
    permission_classes = (IsCaller,)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with translation.override("en"):
            return super().dispatch(request, *args, **kwargs)


class LoopView(OpenAIView):
    """An OpenAIView whose `post` is a coroutine, so that a call that waits for its provider holds no thread."""

    async def dispatch(  # type: ignore[override]
        self, request: Any, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """The steps of Django REST framework's own dispatch, on the event loop."""
        with translation.override("en"):
            self.args, self.kwargs, self.headers = args, kwargs, self.default_response_headers
            self.request = drf_request = self.initialize_request(request, *args, **kwargs)
            try:
                await self._admit(drf_request)
                handler = getattr(self, request.method.lower(), self.http_method_not_allowed)
                result = handler(drf_request, *args, **kwargs)
                response = await result if isawaitable(result) else result
            except Exception as error:
                response = self.handle_exception(error)
            return self.finalize_response(drf_request, response, *args, **kwargs)

    async def _admit(self, request: Request) -> None:
        """Authenticate: a cached API key without thread and query, a session in a thread."""
        key = key_in(request.headers)
        if key is None:
            return await sync_to_async(self.initial)(request)
        caller = await callers.caller_for_key(key, request.path, client_address.of_request(request))
        request.user, request.auth = user_of(caller), caller
        return self.initial(request)


# --- the relay --------------------------------------------------------------------------------------------------------


class UnreadForm(BaseParser):
    """Leaves a form in its file. The check of a session's CSRF token, which is in a header, would take it apart."""

    media_type = FORM

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return DataAndFiles(QueryDict(), MultiValueDict())


class RelayView(LoopView):
    """One operation of the table; `view_of` makes the views."""

    operation: ClassVar[Operation]

    async def post(self, request: Request, model: str = "") -> StreamingHttpResponse:
        relay_request = await read_on_loop(
            self.operation.name,
            caller_of(request),
            form_of(request) if self.operation.media_type == FORM else body_of(request),
            request.COOKIES,
            idempotency_key=request.headers.get("Idempotency-Key", "").strip(),
            forwarded={name: value for name in self.operation.forwards if (value := request.headers.get(name))},
            model=model,
        )
        response = await calls.begin(relay_request)
        return StreamingHttpResponse(pass_on(response), status=response.status, headers=dict(response.headers))


def view_of(operation: Operation) -> type[RelayView]:
    """The view of an operation, with its description for the schema."""

    @extend_schema(
        description=operation.summary,
        parameters=list(operation.parameters),
        request={operation.media_type: operation.request},
        responses={**REFUSED, **operation.answers, **FAILED},
    )
    async def post(self: RelayView, request: Request, model: str = "") -> StreamingHttpResponse:
        return await RelayView.post(self, request, model)

    parsers = {"parser_classes": (UnreadForm,)} if operation.media_type == FORM else {}
    return type(f"{operation.name.title()}Relay", (RelayView,), {"operation": operation, "post": post, **parsers})


class MadeView(LoopView):
    """The operations on a response at one path; `made_views` makes the views."""


def made_views() -> dict[str, type[MadeView]]:
    """The views of operations on a response, by the end of their path behind its id."""
    handlers: dict[str, dict[str, Any]] = {}
    for row in OPERATIONS_ON_MADE.values():
        handlers.setdefault(row.behind, {})[row.operation.method.lower()] = _handler_of(row)
    return {behind: type(f"Made{behind[1:].title()}", (MadeView,), methods) for behind, methods in handlers.items()}


def _handler_of(row: OnMade) -> Any:
    @extend_schema(
        description=row.operation.summary,
        parameters=list(row.parameters),
        request=None,
        responses={**REFUSED, **row.operation.answers, **FAILED},
    )
    async def handle(self: MadeView, request: Request, response_id: str) -> StreamingHttpResponse:
        query = request.META.get("QUERY_STRING", "")
        response = await made_calls.begin(row, caller_of(request), response_id, query, request.COOKIES)
        return StreamingHttpResponse(pass_on(response), status=response.status, headers=dict(response.headers))

    return handle


def body_of(request: Request) -> bytes:
    body: bytes = request.body  # raises RequestDataTooBig where the length is declared
    if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise error_responses.too_large()
    return body


def form_of(request: Request) -> ReceivedForm:
    content_type = request.headers.get("Content-Type", "")
    forms.check_type(content_type)
    file = body_file(request.stream) if request.stream is not None else BytesIO()  # None: the body is empty
    size = file.seek(0, SEEK_END)
    if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise error_responses.too_large()
    return ReceivedForm(file, content_type, size)


async def pass_on(response: RelayResponse) -> AsyncGenerator[bytes, None]:
    """The body for the client. Django cancels this generator when the client disconnects, which closes the call."""
    try:
        async for piece in response.chunks():
            yield piece
    except GatewayError as error:
        yield response.closing_bytes(error)
    finally:
        await response.aclose()


# --- models -----------------------------------------------------------------------------------------------------------


class ApiRoot(OpenAIView):
    permission_classes = ()  # type: ignore[assignment]  # it tells nothing that is secret

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Where things are, for clients that look at the base URL first."""
        return _json({"object": "api", "models": "/v1/models", "description": "/api/schema"})


class Models(OpenAIView):
    @extend_schema(
        parameters=[
            OpenApiParameter("limit", int, description="Models of a page; only with `anthropic-version`"),
            OpenApiParameter("after_id", str, description="The page after this model; only with `anthropic-version`"),
            OpenApiParameter("before_id", str, description="The page before this model; only with `anthropic-version`"),
        ],
        responses={200: ModelListSerializer, **REFUSED},
    )
    def get(self, request: Request) -> HttpResponse:
        """The models that the caller may use; in Anthropic's form for clients that send `anthropic-version`."""
        caller = _caller(request)
        if not error_responses.asks_as_anthropic(request):
            return _listed(caller)
        return _json(anthropic_models.page_of(catalogue.snapshot_blocking().routes_for(caller), request.GET))


class Model(OpenAIView):
    @extend_schema(responses={200: ModelSerializer, **REFUSED})
    def get(self, request: Request, model_id: str) -> HttpResponse:
        """One model; in Anthropic's form for clients that send `anthropic-version`."""
        route = catalogue.snapshot_blocking().route_for(_caller(request), model_id)
        is_anthropic = error_responses.asks_as_anthropic(request)
        return _json(anthropic_models.model_of(route) if is_anthropic else model_object(route))


class SiteModels(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        parameters=[OpenApiParameter("refresh", bool, description="Ask the providers again first")],
        responses={200: ModelListSerializer},
    )
    def get(self, request: Request) -> HttpResponse:
        """The models that the caller may use, for the site's own pages."""
        caller = _caller(request)
        if request.GET.get("refresh", "").lower() in ("1", "true"):
            discovery.refresh(timeout=REFRESH_SECONDS)
        return _listed(caller)


class Usage(APIView):
    @extend_schema(
        parameters=[
            OpenApiParameter("from", str, description="The first day, such as 2026-11-01; 30 days unless it is named"),
            OpenApiParameter("to", str, description="The last day; today unless it is named"),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponse:
        """What the caller used by day and model, what it cost, and what is left of their budgets."""
        start, end = own_usage.days_between(request.GET.get("from", ""), request.GET.get("to", ""))
        return _json(own_usage.of_caller(caller_of(request), start, end))


def _caller(request: Request) -> Caller:
    caller = caller_of(request)
    admit(caller)
    return caller


def _listed(caller: Caller) -> HttpResponse:
    return _json(model_list(catalogue.snapshot_blocking().routes_for(caller)))


def _json(value: dict[str, Any]) -> HttpResponse:
    return HttpResponse(orjson.dumps(value), content_type="application/json")
