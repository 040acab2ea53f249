"""The configuration API for administrators: the flat form, a check without saving, one connection's models."""

from dataclasses import replace
from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from providers import catalogue, http, json_bodies, services
from providers.authentication import caller_of
from providers.catalogue import connection_tests, discovery, health, snapshot_loader
from providers.catalogue.shared_models import shared_words
from providers.config import form as config
from providers.errors import BadRequest, Forbidden, GatewayError, NotFound, ProviderError
from providers.facts import Caller
from providers.models import Connection
from providers.relay.serializers import ModelListSerializer, OpenAIErrorSerializer, model_list
from providers.relay.views import OpenAIView
from providers.sentences import sentence as _

LIST_SECONDS = 5.0  # how long saving waits for model lists; slower servers follow in the background

REFUSED: dict[Any, OpenApiResponse] = {
    400: OpenApiResponse(OpenAIErrorSerializer, description="A field is wrong; `param` names it"),
    401: OpenApiResponse(OpenAIErrorSerializer, description="No key, or none that is known here"),
    403: OpenApiResponse(OpenAIErrorSerializer, description="Only administrators may do this"),
}


class FlatConfigSerializer(serializers.Serializer[Any]):
    """Lists that belong together by index; settings by index as text. Keys and header values go out as masks."""

    ENABLE_OPENAI_API = serializers.BooleanField(required=False)
    OPENAI_API_BASE_URLS = serializers.ListField(child=serializers.CharField())
    OPENAI_API_KEYS = serializers.ListField(child=serializers.CharField(allow_blank=True))
    OPENAI_API_CONFIGS = serializers.DictField(child=serializers.DictField())


class SavedConfigSerializer(FlatConfigSerializer):
    """The form as saved, and sentences about what was dropped, what is there twice, and which models other connections
    offer too.
    """

    notices = serializers.ListField(child=serializers.CharField(), required=False)


class VerifySerializer(serializers.Serializer[Any]):
    url = serializers.CharField()
    key = serializers.CharField(allow_blank=True, required=False)
    config = serializers.DictField(required=False)  # type: ignore[assignment]


class AdminView(OpenAIView):
    """The base of views for administrators, with a session or an API key of the scope `admin`."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        administrator(request)


def administrator(request: Request) -> Caller:
    """The caller, if they are an administrator. Raises Unauthenticated, Forbidden."""
    caller = caller_of(request)
    if not caller.is_admin:
        raise Forbidden(_("Only administrators may do this."))
    if not caller.may("admin"):
        raise Forbidden(
            _("This API key may not change settings. Use one with the scope “admin”."), code="insufficient_scope"
        )
    return caller


class FlatConfig(AdminView):
    @extend_schema(responses={200: FlatConfigSerializer, **REFUSED})
    def get(self, request: Request) -> HttpResponse:
        """The connections as a flat form, with masked keys. The header `ETag` marks these values."""
        shown = config.read()
        return _json(shown, ETag=config.mark_of(shown))


class ConfigUpdate(AdminView):
    @extend_schema(
        request=FlatConfigSerializer,
        responses={
            200: SavedConfigSerializer,
            **REFUSED,
            412: OpenApiResponse(OpenAIErrorSerializer, description="Somebody changed the connections since"),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Replace the connections, all or nothing. A mask keeps what is stored, an empty key removes it.

        An address at another server drops the stored key and headers that are not entered again; `notices` say so, and
        name entries that are there twice. With the `ETag` of the form as `If-Match`, a form that somebody else changed
        since is refused (412).
        """
        saved = config.save(_object(request), mark=request.headers.get("If-Match", ""))
        if saved.to_refresh:
            discovery.refresh(only=saved.to_refresh, timeout=LIST_SECONDS)
        notices = saved.notices + [words for pk in saved.to_tell if (words := shared_words(pk))]
        shown = config.read()
        return _json(shown | ({"notices": notices} if notices else {}), ETag=config.mark_of(shown))


class VerifyConnection(AdminView):
    @extend_schema(
        request=VerifySerializer,
        responses={
            (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, description="The provider's own list"),
            **REFUSED,
            502: OpenApiResponse(OpenAIErrorSerializer, description="No response, or one that is not JSON"),
            504: OpenApiResponse(OpenAIErrorSerializer, description="The response took too long"),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask a provider for its models without saving anything. The response is the provider's own."""
        row = _unsaved(_object(request))
        answer = connection_tests.probe_response(snapshot_loader.facts_of(row), by=caller_of(request))
        if answer.status < 400:
            return _json(answer.json())
        return _passed_on(answer)


class ConnectionModels(AdminView):
    @extend_schema(responses={200: ModelListSerializer, **REFUSED, 404: OpenApiResponse(OpenAIErrorSerializer)})
    def get(self, request: Request, url_idx: int) -> HttpResponse:
        """One connection's models, refreshed now."""
        rows = list(Connection.objects.order_by("demo", "position", "pk"))
        if url_idx >= len(rows):  # asked here: a database refuses an offset of many digits
            raise NotFound(_("There is no connection number %(n)s.") % {"n": url_idx}, param="url_idx")
        row = rows[url_idx]
        try:
            services.refresh_models(row, by=caller_of(request))
        except GatewayError as error:
            # With the provider's own words, because the caller is an administrator.
            raise ProviderError(
                health.in_words(error), code=error.code, status=error.status, retry_after=error.retry_after
            ) from error
        routes = catalogue.snapshot_blocking().routes.values()
        return _json(
            model_list(
                replace(route, sources=sources)
                for route in routes
                if route.base_id is None
                and (sources := tuple(source for source in route.sources if source.connection.id == row.pk))
            )
        )


def _unsaved(form: dict[str, Any]) -> Connection:
    """A row of `{url, key, config?}` that is not saved."""
    url, key = form.get("url"), form.get("key") or ""
    if not isinstance(url, str) or not isinstance(key, str):
        raise BadRequest(_("“url” and “key” must be texts."), param="key" if isinstance(url, str) else "url")
    return config.unsaved(url, key.strip(), {} if form.get("config") is None else form["config"])


def _object(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise BadRequest(_("The body must be an object."))
    json_bodies.check_texts(request.data)
    return request.data


def _passed_on(answer: http.BlockingResponse) -> HttpResponse:
    """The provider's error response unchanged, but never as HTML, which a browser would show as a page of this site."""
    kind = answer.headers.get("content-type", "")
    safe = "application/json" if kind.startswith("application/json") else "text/plain; charset=utf-8"
    headers = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
    return HttpResponse(answer.content, status=answer.status, content_type=safe, headers=headers)


def _json(value: Any, **headers: str) -> HttpResponse:
    return HttpResponse(orjson.dumps(value), content_type="application/json", headers=headers)
