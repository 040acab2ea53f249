"""Files over HTTP: upload, list, metadata, content with ranges and thumbnails, delete.

No content can run as a page of this site: the content type is the one that was detected, `nosniff` and a strict policy
go with it, and whatever a browser could execute is served as a download.
"""

import re

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat import access
from chat.files import derived, kinds, links, recipes, stores, visits
from chat.files import rows as files
from chat.models import File
from providers.authentication import caller_of
from providers.errors import BadRequest
from providers.process import waiting
from providers.rest import AnyAccept, ListPages
from providers.sentences import sentence as _

CONTENT_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
CACHING = "private, max-age=86400"  # the bytes behind an id never change; access may, so not for longer
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class FileSerializer(serializers.Serializer[File]):
    """The JSON that `files.file_json` makes."""

    id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=["image", "file"])
    url = serializers.CharField()
    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    provenance = serializers.JSONField()
    created = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Then it is deleted; null: it stays")
    chat_id = serializers.UUIDField(allow_null=True, required=False, help_text="For those who may keep the file")
    message_id = serializers.UUIDField(allow_null=True, required=False)
    session_id = serializers.CharField(allow_null=True, required=False)


class MayUseFiles(BasePermission):
    """API keys for conversations and API keys for pictures may handle files."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = caller_of(request)
        return caller.may("chats") or caller.may("images")


class FileView(APIView):
    permission_classes = (IsAuthenticated, MayUseFiles)


class FilePages(ListPages):
    page_size = 50
    max_page_size = 200


class FileList(FileView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="files_list",
        parameters=[
            OpenApiParameter("type", str, enum=["image", "file"], description="Only pictures, or only other files"),
            *FilePages.parameters(),
        ],
        responses=inline_serializer(
            "FilePage", {"results": FileSerializer(many=True), "next": serializers.CharField(allow_null=True)}
        ),
    )
    def get(self, request: Request) -> Response:
        rows = File.objects.filter(owner_id=request.user.pk)
        kind = request.query_params.get("type")
        if kind == "image":
            rows = rows.filter(content_type__startswith="image/")
        elif kind == "file":
            rows = rows.exclude(content_type__startswith="image/")
        return FilePages.respond(rows, self, files.owned_json)

    @extend_schema(
        operation_id="files_upload",
        request={
            "multipart/form-data": inline_serializer(
                "Upload",
                {
                    "file": serializers.FileField(),
                    "temporary": serializers.BooleanField(
                        required=False, help_text="For a temporary chat: it is deleted after a day"
                    ),
                    "session_id": serializers.CharField(required=False, help_text="Of that temporary chat"),
                },
            )
        },
        responses={201: FileSerializer},
    )
    def post(self, request: Request) -> Response:
        upload = request.FILES.get("file")
        keep = request.POST.get("keep") in ("1", "true")
        if upload is None:
            raise BadRequest(_("Send the file as the form field “file”."), param="file")
        row = files.accept(request.user, upload, name=upload.name or "", context=_context_of(request, keep=keep))
        return Response(files.owned_json(row), status=status.HTTP_201_CREATED)


def _context_of(request: Request, *, keep: bool) -> files.FileContext:
    """An upload waits a week for its message; `keep` makes a file that stays, `temporary` one that soon expires."""
    if keep:
        return files.NO_CONTEXT
    if request.POST.get("temporary") in ("1", "true"):
        return files.temporary_context(request.POST.get("session_id", ""))
    return files.upload_context()


class FileDetail(FileView):
    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="files_read", responses=FileSerializer)
    def get(self, request: Request, file_id: str) -> HttpResponseBase:
        """The metadata for a client that asks for JSON, the content for an `<img>`."""
        row = access.file_for(request.user, file_id)
        if _wants_picture(request.headers.get("Accept", "")):
            response = _content_for(request, row)
        else:
            response = Response(
                files.owned_json(row) if _may_keep(request, row) else {**files.file_json(row), "provenance": {}}
            )
        patch_vary_headers(response, ["Accept"])  # else a browser's cache confuses metadata and content
        return response

    @extend_schema(
        operation_id="files_delete",
        parameters=[OpenApiParameter("unsent", bool, description="Only if no message holds it")],
        responses={204: None},
    )
    def delete(self, request: Request, file_id: str) -> Response:
        """Can be undone for an hour, unless a page takes back an upload with `unsent`."""
        row = access.own_file_for(request.user, file_id)
        if "unsent" not in request.query_params:
            files.remove(row.owner_id, [row.pk])
        elif row.message_id is None:  # otherwise it was sent all the same: by another tab, or without a response
            row.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class FileRecipe(FileView):
    @extend_schema(
        operation_id="files_recipe",
        responses=inline_serializer(
            "PictureRecipe",
            {
                "source": serializers.ChoiceField(
                    choices=["ours", "automatic1111", "invokeai", "comfyui"], allow_null=True, help_text="Null: none"
                ),
                "recipe": serializers.DictField(
                    child=serializers.CharField(), help_text="prompt, negative_prompt, model, seed, steps, size, …"
                ),
                "mark": serializers.CharField(help_text="IPTC's digital source type; empty without one"),
                "made_here": serializers.BooleanField(help_text="It left this site like that: its signature is valid"),
            },
        ),
    )
    def get(self, request: Request, file_id: str) -> Response:
        """How one's own picture was made: by this site, or as its file says."""
        recipe = recipes.read(access.own_file_for(request.user, file_id))
        facts = {"source": recipe.source or None, "recipe": recipe.recipe, "mark": recipe.mark}
        return Response({**facts, "made_here": recipe.made_here})


class RestoreFile(FileView):
    @extend_schema(operation_id="files_restore", request=None, responses=FileSerializer)
    def post(self, request: Request, file_id: str) -> Response:
        row = access.deleted_file_for(request.user, file_id)
        files.restore(row.owner_id, [row.pk])
        row.deleted_at = None
        return Response(files.owned_json(row))


class MayUseFilesOrHasLink(MayUseFiles):
    """Or a link that was signed for this file, or that of a public chat: without a session and without a key."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if "share" in request.query_params or links.seconds_left(view.kwargs["file_id"], request.query_params):
            return True
        return IsAuthenticated().has_permission(request, view) and super().has_permission(request, view)


class FileContent(FileView):
    permission_classes = (MayUseFilesOrHasLink,)  # type: ignore[assignment]

    @extend_schema(
        operation_id="files_content",
        parameters=[
            OpenApiParameter("w", int, description="A WebP of about this width in pixels"),
            OpenApiParameter("download", bool, description="As an attachment"),
            OpenApiParameter("share", str, description="The id of a public link that shows this file"),
        ],
        responses={(200, "*/*"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, file_id: str) -> HttpResponseBase:
        if seconds := links.seconds_left(file_id, request.query_params):
            return _linked_content(request, access.linked_file(file_id), seconds)
        if "share" in request.query_params:
            return _shared_content(request, file_id)
        return _content_for(request, access.file_for(request.user, file_id))


def _content_for(request: Request, row: File) -> HttpResponseBase:
    is_own = row.owner_id == request.user.pk
    response = content_response(request, row, whole_recipe=is_own)
    # A shared chat can be withdrawn at any moment, and the recipe of a download can be switched off.
    if not _may_keep(request, row) or "download" in request.query_params:
        response["Cache-Control"] = "private, no-cache"
    return response


def _linked_content(request: Request, row: File, seconds: int) -> HttpResponseBase:
    """The response to a signed link: any page or program may use it while it is valid."""
    response = content_response(request, row)
    response["Cache-Control"] = f"private, max-age={seconds}"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["X-Robots-Tag"] = "noindex"
    return response


def _shared_content(request: Request, file_id: str) -> HttpResponseBase:
    """The response to a reader of a public link, which may be taken back at any moment."""
    visits.check(request, "shared files", per_minute=600)
    response = content_response(request, access.publicly_shared_file(request.query_params["share"], file_id))
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _may_keep(request: Request, row: File) -> bool:
    return row.owner_id == request.user.pk or bool(request.user.is_superuser)


def content_response(request: Request, row: File, *, whole_recipe: bool = False) -> HttpResponseBase:
    """The bytes, a range of them, or a thumbnail: 200, 206, 304 or 416. With what `chat.files.recipes` writes in."""
    width = request.query_params.get("w", "")
    etag = f'"{row.sha256}"'
    if width.isdecimal() and row.is_raster:
        small, small_width = derived.thumbnail(row, int(width[:6]))
        etag = f'"{row.sha256}-w{small_width}"'
        return _guarded(_not_modified(request, etag) or HttpResponse(small, content_type="image/webp"), row, etag)
    leaves = recipes.leaving(row, whole=whole_recipe)
    if leaves is not None:
        etag = f'"{row.sha256}{leaves.tag}"'
    if not_modified := _not_modified(request, etag):
        return _guarded(not_modified, row, etag)
    whole = None if leaves is None else recipes.pieces(row, leaves)
    size = row.size if whole is None else sum(map(len, whole))
    asked = request.headers.get("Range", "") if request.headers.get("If-Range", etag) == etag else ""
    span = _span(asked, size)
    if span is None:
        refused = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        return _guarded(refused, row, etag)
    start, length = span
    if whole is None:
        pieces = stores.read_range(row.storage_name, start, length)
    else:
        pieces = recipes.part_of(whole, start, length)
    first = next(pieces, b"")  # before the headers are sent: missing bytes are a 404, not a broken response
    response = StreamingHttpResponse(waiting.later(first, pieces), content_type=row.content_type)
    response["Content-Length"] = str(length)
    if length != size:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    return _guarded(response, row, etag, download="download" in request.query_params)


def _guarded(response: HttpResponseBase, row: File, etag: str, *, download: bool = False) -> HttpResponseBase:
    attachment = download or not kinds.is_shown(row.content_type, row.name)
    response["ETag"] = etag
    response["Cache-Control"] = CACHING
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = CONTENT_POLICY
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    if disposition := content_disposition_header(attachment, row.name):
        response["Content-Disposition"] = disposition
    return response


def _not_modified(request: Request, etag: str) -> HttpResponse | None:
    """The response to a client that has these bytes already."""
    etags = [value.strip().removeprefix("W/") for value in request.headers.get("If-None-Match", "").split(",")]
    return HttpResponse(status=304) if etag in etags or "*" in etags else None


def _span(header: str, size: int) -> tuple[int, int] | None:
    """Start and length of a Range header; the whole file for a malformed one; None for a range behind the end."""
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return 0, size
    first, last = match[1][:18], match[2][:18]
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    return None if start > end else (start, end - start + 1)


def _wants_picture(accept: str) -> bool:
    """Whether this is an `<img>` of a browser, which lists image types first; programs ask for JSON or for anything."""
    return "image/" in accept and "json" not in accept.partition("image/")[0]
