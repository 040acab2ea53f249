"""Shared parts of the REST framework views of all apps: checked bodies, and lists in pages."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView


class AnyAccept(BaseContentNegotiation):
    """Ignores `Accept`: OpenAI's clients ask for JSON even when they stream, and `<img>` for pictures. The view decides
    by the body of the request, or by the header itself.
    """

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def checked_body(serializer: type[BaseSerializer[Any]], request: Request) -> Any:
    """The values of a request's body, checked by a serializer. Raises ValidationError."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return body.validated_data


class ListPages(CursorPagination):
    """A list in pages, newest first: `{"results": […], "next": address or null}`. Subclasses set the sizes."""

    page_size_query_param = "limit"
    ordering: tuple[str, ...] = ("-created", "-id")

    @classmethod
    def parameters(cls) -> list[OpenApiParameter]:
        """The query parameters, for the schema."""
        sizes = f"{cls.page_size}, at most {cls.max_page_size}"
        return [
            OpenApiParameter("limit", int, description=f"How many at once ({sizes})"),
            OpenApiParameter("cursor", str, description="From `next` of the page before"),
        ]

    @classmethod
    def respond(cls, rows: QuerySet[Any], view: APIView, shape: Callable[[Any], Any]) -> Response:
        """The page that the view's request asks for; `shape` makes the JSON of a row."""
        pages = cls()
        page = pages.paginate_queryset(rows, view.request, view=view)
        return pages.get_paginated_response([shape(row) for row in page or ()])

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})
