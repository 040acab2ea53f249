"""`/api/v1/images/pictures`: one's own pictures, by filters, their stars, and what is done with many at once."""

from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from chat import files
from chat.export import archive
from chat.files.views import FileSerializer
from chat.models import File
from chat.serializers import ProblemSerializer
from imagegen.api import ImageView
from imagegen.gallery import filters, services
from imagegen.gallery.filters import PictureFilters
from providers.process import waiting
from providers.rest import ListPages, checked_body

NOT_FOUND = OpenApiResponse(ProblemSerializer, description="Not there, or not yours")

TOO_LARGE = OpenApiResponse(ProblemSerializer, description="Too many bytes for one archive")


class PictureIdsSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=services.MOST_PICTURES)


class PictureChangeSerializer(PictureIdsSerializer):
    action = serializers.ChoiceField([*services.BACK])


class ChangedPicturesSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField()
    undo = PictureChangeSerializer(many=True, help_text="The actions that undo this one")


class PictureSerializer(FileSerializer):
    starred = serializers.BooleanField()


class PicturePageSerializer(serializers.Serializer[Any]):
    results = PictureSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class PicturePages(ListPages):
    page_size = 50
    max_page_size = 200


class OldestPictures(PicturePages):
    ordering = ("created", "id")


FILTERS = [
    OpenApiParameter("kind", str, enum=[*filter(None, filters.KINDS)], description="Left out: all that were drawn"),
    OpenApiParameter("engine", str, description="The name of the engine that drew it"),
    OpenApiParameter("model", str, description="The model that drew it"),
    OpenApiParameter("shape", str, enum=[*filters.SHAPES]),
    OpenApiParameter("size", str, enum=[*filters.SIZES], description="Under 1 megapixel, 1 to 4, 4 and more"),
    OpenApiParameter("since", OpenApiTypes.DATE, description="The first day"),
    OpenApiParameter("until", OpenApiTypes.DATE, description="The last day"),
    OpenApiParameter("starred", bool, description="`true`: only those with a star"),
    OpenApiParameter("q", str, description="Words of the prompt, of the improved one, or of the name"),
    OpenApiParameter("sort", str, enum=[*filter(None, filters.SORTS)], description="Left out: newest first"),
]


class PictureList(ImageView):
    @extend_schema(
        operation_id="pictures_list",
        parameters=[*FILTERS, *PicturePages.parameters()],
        responses={200: PicturePageSerializer},
    )
    def get(self, request: Request) -> Response:
        """One's own pictures that stay: those that were drawn here, or by `kind`."""
        wanted = PictureFilters.of(request.query_params)
        pages = OldestPictures if wanted.sort else PicturePages
        return pages.respond(filters.pictures_of(request.user, wanted), self, picture_json)


class StarredPicture(ImageView):
    @extend_schema(operation_id="pictures_star", request=None, responses={204: None, 404: NOT_FOUND})
    def put(self, request: Request, file_id: str) -> Response:
        services.star(request.user, file_id, is_good=True)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="pictures_unstar", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, file_id: str) -> Response:
        services.star(request.user, file_id, is_good=False)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BulkPictures(ImageView):
    @extend_schema(
        operation_id="pictures_bulk",
        request=PictureChangeSerializer,
        responses={200: ChangedPicturesSerializer, 404: NOT_FOUND},
    )
    def post(self, request: Request) -> Response:
        """One action on many pictures: on all of them, or on none. A deletion can be undone for an hour."""
        data = checked_body(PictureChangeSerializer, request)
        undo = services.do(request.user, services.PictureChange(data["action"], tuple(data["ids"])))
        back = [{"action": change.action, "ids": [str(pk) for pk in change.ids]} for change in undo]
        return Response({"changed": sum(len(change.ids) for change in undo), "undo": back})


class AnyAcceptOfForms(DefaultContentNegotiation):
    """Ignores `Accept`: a page sends a form, and gets a download."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class PictureArchive(ImageView):
    parser_classes = (*ImageView.parser_classes, FormParser)
    content_negotiation_class = AnyAcceptOfForms

    @extend_schema(
        operation_id="pictures_archive",
        request=PictureIdsSerializer,
        responses={(200, "application/zip"): OpenApiTypes.BINARY, 404: NOT_FOUND, 413: TOO_LARGE},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """These pictures as a ZIP archive, which streams."""
        pieces = archive.packed(services.for_archive(request.user, checked_body(PictureIdsSerializer, request)["ids"]))
        first = next(pieces)
        return StreamingHttpResponse(
            waiting.later(first, pieces),
            content_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="pictures.zip"'},
        )


def picture_json(row: File) -> dict[str, Any]:
    return {**files.owned_json(row), "starred": row.starred}  # type: ignore[attr-defined]  # annotated
