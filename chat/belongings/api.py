"""`/api/v1/imports/`, `/api/v1/exports/` and `/api/v1/erasures/`: work in the background, each as a row."""

from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from chat import transfers
from chat.api import NOT_FOUND, ChatView
from chat.belongings import services
from chat.files import stores
from chat.models import Transfer
from chat.serializers import ProblemSerializer
from providers.errors import BadRequest, NotFound
from providers.json_bodies import TextField
from providers.process import waiting
from providers.rest import AnyAccept, ListPages, checked_body
from providers.sentences import sentence as _

OPEN = OpenApiResponse(ProblemSerializer, description="Another one is under way (`transfer_open`), or not ready")
Kind = Transfer.TransferKind


class TransferSerializer(serializers.Serializer[Any]):
    """`progress.share` is 0 to 1. `report` says what came of it: counts, and of an import each chat with its state."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Kind.choices)
    state = serializers.ChoiceField(Transfer.TransferState.choices)
    name = serializers.CharField()
    size = serializers.IntegerField()
    progress = serializers.DictField()
    report = serializers.DictField()
    error = serializers.DictField(allow_null=True)
    created = serializers.DateTimeField()
    ended = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class TransferPageSerializer(serializers.Serializer[Any]):
    results = TransferSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


class ErasureRequestSerializer(serializers.Serializer[Any]):
    """The password of the account; of one without a password its e-mail address."""

    sections = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, default=None, allow_empty=False, max_length=50
    )
    password = TextField(required=False, default="", allow_blank=True, max_length=1000, trim_whitespace=False)
    address = TextField(required=False, default="", allow_blank=True, max_length=300)


class TransferPages(ListPages):
    page_size = 20
    max_page_size = 100


def _listed(kind: str, view: ChatView) -> Response:
    return TransferPages.respond(transfers.own(view.request.user, kind), view, transfers.shape)


class TransferView(ChatView):
    """One transfer of a kind, which subclasses name."""

    kind: str

    def row(self, request: Request, transfer_id: str) -> Transfer:
        return transfers.own(request.user, self.kind, transfer_id)  # type: ignore[no-any-return]


class TransferDetail(TransferView):
    def get(self, request: Request, transfer_id: str) -> Response:
        return Response(transfers.shape(self.row(request, transfer_id)))


class CancelView(TransferView):
    def post(self, request: Request, transfer_id: str) -> Response:
        row = self.row(request, transfer_id)
        transfers.cancel(row)
        return Response(transfers.shape(row), status.HTTP_202_ACCEPTED)


def _documented(name: str, **methods: Any) -> Any:
    return extend_schema_view(
        **{
            method: extend_schema(operation_id=f"{name}_{verb}", request=None, responses=responses)
            for method, (verb, responses) in methods.items()
        }
    )


READ = ("read", {200: TransferSerializer, 404: NOT_FOUND})
DELETE = ("delete", {204: None, 404: NOT_FOUND, 409: OPEN})
CANCEL = ("cancel", {202: TransferSerializer, 404: NOT_FOUND})


class ImportList(ChatView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="imports_list", parameters=TransferPages.parameters(), responses={200: TransferPageSerializer}
    )
    def get(self, request: Request) -> Response:
        return _listed(Kind.IMPORT, self)

    @extend_schema(
        operation_id="imports_create",
        request={
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            }
        },
        responses={202: TransferSerializer, 409: OPEN},
    )
    def post(self, request: Request) -> Response:
        """An export of ChatGPT, Open WebUI, LibreChat or this site, as JSON or ZIP: it is looked through first."""
        upload = request.FILES.get("file")
        if upload is None:
            raise BadRequest(_("Send the file as the form field “file”."), param="file")
        row = services.begin_import(request.user, upload)
        return Response(transfers.shape(row), status.HTTP_202_ACCEPTED)


@_documented("imports", get=READ, delete=DELETE)
class ImportDetail(TransferDetail):
    kind = Kind.IMPORT

    def delete(self, request: Request, transfer_id: str) -> Response:
        transfers.remove(self.row(request, transfer_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class StartImport(TransferView):
    kind = Kind.IMPORT

    @extend_schema(
        operation_id="imports_start",
        request=None,
        responses={202: TransferSerializer, 404: NOT_FOUND, 409: OPEN},
    )
    def post(self, request: Request, transfer_id: str) -> Response:
        """Bring in what was found. What is here already does not come twice."""
        row = self.row(request, transfer_id)
        services.bring_in(row)
        return Response(transfers.shape(row), status.HTTP_202_ACCEPTED)


@_documented("imports", post=CANCEL)
class CancelImport(CancelView):
    """What came in so far stays."""

    kind = Kind.IMPORT


class ExportList(ChatView):
    @extend_schema(
        operation_id="exports_list", parameters=TransferPages.parameters(), responses={200: TransferPageSerializer}
    )
    def get(self, request: Request) -> Response:
        return _listed(Kind.EXPORT, self)

    @extend_schema(operation_id="exports_create", request=None, responses={202: TransferSerializer, 409: OPEN})
    def post(self, request: Request) -> Response:
        """Everything that one has as a ZIP archive, which is kept for some days; one that was made before goes."""
        return Response(transfers.shape(services.begin_export(request.user)), status.HTTP_202_ACCEPTED)


@_documented("exports", get=READ, delete=DELETE)
class ExportDetail(TransferDetail):
    kind = Kind.EXPORT

    def delete(self, request: Request, transfer_id: str) -> Response:
        transfers.remove(self.row(request, transfer_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


@_documented("exports", post=CANCEL)
class CancelExport(CancelView):
    kind = Kind.EXPORT


class ExportContent(TransferView):
    kind = Kind.EXPORT
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="exports_content", responses={(200, "application/zip"): OpenApiTypes.BINARY, 404: NOT_FOUND}
    )
    def get(self, request: Request, transfer_id: str) -> HttpResponseBase:  # type: ignore[override]
        """The archive, for its owner alone."""
        row = self.row(request, transfer_id)
        if row.state != Transfer.TransferState.DONE or not row.storage_name:
            raise NotFound(_("This archive is not there: it is not finished, or was removed."), code="no_archive")
        pieces = stores.read_range(row.storage_name, 0, None)
        try:
            first = next(pieces, b"")
        except FileNotFoundError:
            raise NotFound(
                _("This archive is not there: it is not finished, or was removed."), code="no_archive"
            ) from None
        headers = {
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=row.name) or "attachment",
            "Content-Length": str(row.size),
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return StreamingHttpResponse(waiting.later(first, pieces), content_type="application/zip", headers=headers)


class ErasureList(ChatView):
    @extend_schema(
        operation_id="erasures_list", parameters=TransferPages.parameters(), responses={200: TransferPageSerializer}
    )
    def get(self, request: Request) -> Response:
        return _listed(Kind.ERASURE, self)

    @extend_schema(
        operation_id="erasures_create",
        request=ErasureRequestSerializer,
        responses={
            202: TransferSerializer,
            403: OpenApiResponse(ProblemSerializer, description="Not the password (`not_confirmed`)"),
            409: OPEN,
        },
    )
    def post(self, request: Request) -> Response:
        """Delete what one has, for good; without `sections` everything. The account itself stays."""
        data = checked_body(ErasureRequestSerializer, request)
        row = services.begin_erasure(request.user, data["sections"], password=data["password"], address=data["address"])
        return Response(transfers.shape(row), status.HTTP_202_ACCEPTED)


@_documented("erasures", get=READ)
class ErasureDetail(TransferDetail):
    kind = Kind.ERASURE


class BelongingSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field, not the label of this one
    count = serializers.IntegerField()


class BelongingListSerializer(serializers.Serializer[Any]):
    results = BelongingSerializer(many=True)


class BelongingList(ChatView):
    @extend_schema(operation_id="belongings_list", responses={200: BelongingListSerializer})
    def get(self, request: Request) -> Response:
        """What one has here, by kind."""
        counted = services.counts_of(request.user.pk or 0)
        rows = [{"name": belonging.name, "label": str(belonging.label), "count": count} for belonging, count in counted]
        return Response({"results": rows})
