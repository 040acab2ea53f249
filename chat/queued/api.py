"""`/api/v1/chats/{id}/queue/`: messages that wait until the answer that runs has ended."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import NOT_FOUND, ChatView, completion_request
from chat.files.views import FileSerializer
from chat.queued import services
from chat.serializers import (
    MAX_CONTENT,
    FilesField,
    ModelsField,
    NewMessageSerializer,
    ProblemSerializer,
)
from providers.authentication import caller_of
from providers.json_bodies import ObjectField, TextField
from providers.rest import checked_body

FULL = OpenApiResponse(
    ProblemSerializer, description="No more can wait (`queue_full`), or the id is in use (`id_taken`)"
)
POSITION = "The place in the queue: 0 is sent first"


class PositionField(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        most = services.MAX_QUEUED - 1
        super().__init__(required=False, min_value=0, max_value=most, help_text=POSITION, **options)


class QueuedSerializer(serializers.Serializer[Any]):
    """A queued message. The message that it becomes has its `id`."""

    id = serializers.UUIDField()
    content = serializers.CharField()
    files = FileSerializer(many=True)
    model = serializers.CharField()
    models = serializers.ListField(child=serializers.CharField())
    features = ObjectField()
    params = ObjectField()
    once = serializers.BooleanField()
    is_held = serializers.BooleanField(help_text="The answer before it did not end well, or it was refused")
    is_urgent = serializers.BooleanField(help_text="It is sent as soon as the answer that runs has been stopped")
    error = ObjectField(allow_null=True, help_text="Why it was refused when its turn came")
    created = serializers.DateTimeField()


class QueueSerializer(serializers.Serializer[Any]):
    results = QueuedSerializer(many=True, help_text="In the order in which they are sent")


class NewQueuedSerializer(NewMessageSerializer):
    parent = None  # type: ignore[assignment]  # it goes to the end of the branch that is shown then
    position = PositionField(allow_null=True, default=None)


class QueuedChangesSerializer(serializers.Serializer[Any]):
    """What is missing stays as it is."""

    content = TextField(max_length=MAX_CONTENT, allow_blank=True, trim_whitespace=False, required=False)
    files = FilesField(required=False)
    model = serializers.CharField(max_length=255, required=False, allow_blank=True)
    models = ModelsField(default=serializers.empty)
    features = ObjectField(required=False)
    params = ObjectField(required=False)
    once = serializers.BooleanField(required=False)
    position = PositionField()


class Queue(ChatView):
    @extend_schema(operation_id="queue_list", responses={200: QueueSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        """The messages that wait, at most twenty."""
        return Response({"results": services.shown(self.chat(request, chat_id))})

    @extend_schema(
        operation_id="queue_add",
        request=NewQueuedSerializer,
        responses={201: QueuedSerializer, 404: NOT_FOUND, 409: FULL},
    )
    def post(self, request: Request, chat_id: str) -> Response:
        """Let a message wait until the answer that runs has ended well; the server sends it then. Where none runs and
        nothing waits, it is sent at once.
        """
        chat = self.chat(request, chat_id)
        data = checked_body(NewQueuedSerializer, request)
        row = services.add(
            chat,
            completion_request(request, data),
            content=data["content"],
            file_ids=data["files"],
            message_id=data["id"],
            position=data["position"],
        )
        return Response(services.shapes(chat, [row])[0], status.HTTP_201_CREATED)


class QueuedDetail(ChatView):
    @extend_schema(
        operation_id="queue_change",
        request=QueuedChangesSerializer,
        responses={200: QueuedSerializer, 404: NOT_FOUND},
    )
    def patch(self, request: Request, chat_id: str, queued_id: str) -> Response:
        """Change a message that waits, or its place."""
        chat = self.chat(request, chat_id)
        data = checked_body(QueuedChangesSerializer, request)
        if "files" in data:
            data["file_ids"] = data.pop("files")
        row = services.change(services.queued_for(chat, queued_id), caller_of(request), **data)
        return Response(services.shapes(chat, [row])[0])

    @extend_schema(operation_id="queue_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, chat_id: str, queued_id: str) -> Response:
        services.drop(services.queued_for(self.chat(request, chat_id), queued_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SendQueued(ChatView):
    @extend_schema(
        operation_id="queue_send",
        request=None,
        responses={202: QueuedSerializer, 404: NOT_FOUND},
    )
    def post(self, request: Request, chat_id: str, queued_id: str) -> Response:
        """Send it at once: an answer that runs is stopped, its text stays, and the message goes below it."""
        chat = self.chat(request, chat_id)
        row = services.send_now(services.queued_for(chat, queued_id), dict(request.COOKIES))
        return Response(services.shapes(chat, [row])[0], status.HTTP_202_ACCEPTED)
