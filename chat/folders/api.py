"""Folders, the trash, and actions on many chats, as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access, files, filing
from chat.api import ChatView
from chat.files.views import FileSerializer
from chat.folders import services
from chat.models import Folder
from chat.serializers import FilesField, ProblemSerializer
from providers.errors import BadRequest
from providers.json_bodies import TextField
from providers.rest import checked_body
from providers.sentences import sentence as _

NOT_FOUND = OpenApiResponse(ProblemSerializer, description="Not there, or not yours")
FULL = OpenApiResponse(ProblemSerializer, description="There are as many as there may be (`folders_full`)")
PINS_FULL = OpenApiResponse(ProblemSerializer, description="No more can be pinned (`pins_full`)")


class FolderSerializer(serializers.ModelSerializer[Folder]):
    files = serializers.SerializerMethodField()

    @extend_schema_field(FileSerializer(many=True))
    def get_files(self, folder: Folder) -> list[dict[str, Any]]:
        return [files.file_json(row) for row in sorted(folder.file_rows.all(), key=lambda row: row.created)]

    class Meta:
        model = Folder
        fields = ("id", "name", "prompt", "files", "created", "updated")
        read_only_fields = fields


class FolderListSerializer(serializers.Serializer[Any]):
    results = FolderSerializer(many=True)


class NewFolderSerializer(serializers.Serializer[Any]):
    name = TextField(max_length=100)
    prompt = TextField(
        max_length=services.MOST_CHARACTERS,
        allow_blank=True,
        required=False,
        help_text="What the models of its chats are told before the first message",
    )
    files = FilesField(required=False, help_text="Uploads that go along with each question")


class ChangedFolderSerializer(NewFolderSerializer):
    """`files` are all that the folder is to have."""

    name = TextField(max_length=100, required=False)


class ChangeSerializer(serializers.Serializer[Any]):
    """An action on chats. `folder` belongs to `move`; null takes them out of their folders."""

    action = serializers.ChoiceField(filing.NAMES)
    ids = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=filing.MOST_CHATS)
    folder = serializers.UUIDField(required=False, allow_null=True, default=None)


class ChangedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField()
    undo = ChangeSerializer(many=True, help_text="The actions that undo this one")


class ErasedSerializer(serializers.Serializer[Any]):
    erased = serializers.IntegerField()


class FolderList(ChatView):
    @extend_schema(operation_id="folders_list", responses={200: FolderListSerializer})
    def get(self, request: Request) -> Response:
        """All of them, by name."""
        rows = services.folders_of(request.user).prefetch_related("file_rows")
        return Response({"results": FolderSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="folders_create",
        request=NewFolderSerializer,
        responses={201: FolderSerializer, 404: NOT_FOUND, 409: FULL},
    )
    def post(self, request: Request) -> Response:
        folder = services.create(request.user, _values(checked_body(NewFolderSerializer, request)))
        return Response(FolderSerializer(folder).data, status.HTTP_201_CREATED)


class FolderDetail(ChatView):
    @extend_schema(operation_id="folders_read", responses={200: FolderSerializer, 404: NOT_FOUND})
    def get(self, request: Request, folder_id: str) -> Response:
        return Response(FolderSerializer(access.folder_for(request.user, folder_id)).data)

    @extend_schema(
        operation_id="folders_update",
        request=ChangedFolderSerializer,
        responses={200: FolderSerializer, 404: NOT_FOUND},
    )
    def patch(self, request: Request, folder_id: str) -> Response:
        folder = access.folder_for(request.user, folder_id)
        values = _values(checked_body(ChangedFolderSerializer, request))
        return Response(FolderSerializer(services.change(request.user, folder, values)).data)

    @extend_schema(
        operation_id="folders_delete",
        parameters=[
            OpenApiParameter(
                "chats", str, enum=["keep", "delete"], description="What becomes of its chats; `keep` is usual"
            )
        ],
        responses={204: None, 404: NOT_FOUND},
    )
    def delete(self, request: Request, folder_id: str) -> Response:
        folder = access.folder_for(request.user, folder_id)
        chats = request.query_params.get("chats", "keep")
        if chats not in ("keep", "delete"):
            raise BadRequest(_("Say `keep` or `delete`."), param="chats")
        services.delete(request.user, folder, with_chats=chats == "delete")
        return Response(status=status.HTTP_204_NO_CONTENT)


class BulkChange(ChatView):
    @extend_schema(
        operation_id="chats_bulk",
        request=ChangeSerializer,
        responses={200: ChangedSerializer, 404: NOT_FOUND, 409: PINS_FULL},
    )
    def post(self, request: Request) -> Response:
        """One action on many chats: on all of them, or on none. `erase` deletes for good what was deleted before."""
        data = checked_body(ChangeSerializer, request)
        change = filing.Change(data["action"], tuple(data["ids"]), data["folder"])
        undo = filing.do(request.user, change)
        return Response({"changed": len(set(change.ids)), "undo": [_change_json(back) for back in undo]})


class Trash(ChatView):
    @extend_schema(operation_id="chats_empty_trash", responses={200: ErasedSerializer})
    def delete(self, request: Request) -> Response:
        """Delete for good all chats that were deleted."""
        return Response({"erased": filing.empty_trash(request.user)})


def _values(data: dict[str, Any]) -> services.FolderValues:
    return services.FolderValues(data.get("name"), data.get("prompt"), data.get("files"))


def _change_json(change: filing.Change) -> dict[str, Any]:
    folder = str(change.folder) if change.folder else None
    return {"action": change.action, "ids": [str(pk) for pk in change.ids], "folder": folder}
