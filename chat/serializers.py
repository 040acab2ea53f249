"""The chat's JSON: request bodies, and how chats and messages look in responses."""

import uuid
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat import events
from chat.models import Chat, Message
from providers import stored_errors
from providers.json_bodies import ObjectField, TextField
from providers.relay.serializers import ChatRequestSerializer

MAX_FILES = 20
MAX_INTEGER = 2**31 - 1  # of a PostgreSQL column
MAX_CONTENT = 2_000_000  # characters of one message
MAX_MESSAGES = 1000  # of a temporary chat that becomes a stored one
MAX_STEPS = 100  # status lines of one of its messages, sources of a line


# --- Responses --------------------------------------------------------------------------------------------------------


class MessageFileSerializer(serializers.Serializer[Any]):
    """What a file of a message has at least."""

    type = serializers.CharField()
    id = serializers.CharField()
    url = serializers.CharField()
    name = serializers.CharField()
    content_type = serializers.CharField()


@extend_schema_field(MessageFileSerializer(many=True))
class MessageFilesField(serializers.ListField):
    """The files as they are stored: handlers may add members to theirs."""


class MessageSerializer(serializers.ModelSerializer[Message]):
    files = MessageFilesField(read_only=True)
    follow_ups = serializers.ListField(child=serializers.CharField(), read_only=True)
    error = serializers.SerializerMethodField()
    status_history = serializers.SerializerMethodField()

    @extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
    def get_status_history(self, message: Message) -> list[Any]:
        return events.worded_steps(message.status_history)

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": True})
    def get_error(self, message: Message) -> dict[str, Any] | None:
        return stored_errors.for_owner(message.error, lambda: message.chat.user)

    class Meta:
        model = Message
        fields = (
            "id",
            "parent",
            "role",
            "content",
            "reasoning",
            "model",
            "connection",
            "status",
            "error",
            "usage",
            "status_history",
            "files",
            "follow_ups",
            "created",
            "reasoning_ms",
            "first_token_ms",
            "duration_ms",
        )
        read_only_fields = fields


class ChatSerializer(serializers.ModelSerializer[Chat]):
    url = serializers.SerializerMethodField()

    class Meta:
        model = Chat
        fields: tuple[str, ...] = ("id", "title", "model", "created", "updated", "url")
        read_only_fields = fields

    @extend_schema_field(str)
    def get_url(self, chat: Chat) -> str:
        return f"/c/{chat.pk}"


class ChatPageSerializer(serializers.Serializer[Any]):
    results = ChatSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


class WholeChatSerializer(ChatSerializer):
    """A chat with all its messages; `leaf` is the last message of the branch that is shown."""

    messages = MessageSerializer(many=True)

    class Meta(ChatSerializer.Meta):
        fields: tuple[str, ...] = (*ChatSerializer.Meta.fields, "leaf", "messages")
        read_only_fields = fields


class StartedSerializer(serializers.Serializer[Any]):
    chat = ChatSerializer()
    user_message = MessageSerializer(required=False)
    message = MessageSerializer(required=False)


class ExchangeSerializer(serializers.Serializer[Any]):
    user_message = MessageSerializer()
    message = MessageSerializer()


class AnswerSerializer(serializers.Serializer[Any]):
    message = MessageSerializer()


class LeafSerializer(serializers.Serializer[Any]):
    leaf = serializers.UUIDField()


class MessagesSerializer(serializers.Serializer[Any]):
    messages = MessageSerializer(many=True)
    leaf = serializers.UUIDField(allow_null=True)


class ProblemSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()
    code = serializers.CharField()
    provider = serializers.CharField(required=False)


# --- Request bodies ---------------------------------------------------------------------------------------------------


class CompletionOptionsSerializer(serializers.Serializer[Any]):
    """How to answer: with another model than the usual one, with which features switched on and which parameters."""

    model = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    features = ObjectField(required=False, default=dict)
    params = ObjectField(required=False, default=dict)


@extend_schema_field({"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}})
class FilesField(serializers.ListField):
    """Uploaded files by their ids: `[{"id"}]`, other members are ignored. The value is the list of ids."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.DictField(), max_length=MAX_FILES, **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        return [str(file.get("id", "")) for file in super().to_internal_value(data)]


class ContentSerializer(CompletionOptionsSerializer):
    """A client may choose the `id`: then the same request sent twice makes one message."""

    id = serializers.UUIDField(required=False, default=None)
    content = TextField(max_length=MAX_CONTENT, allow_blank=True, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["content"].strip() and not attrs["files"]:
            raise serializers.ValidationError({"content": _("Write something, or attach a file.")})
        return attrs


class NewMessageSerializer(ContentSerializer):
    parent = serializers.UUIDField(  # type: ignore[assignment]  # a field, not the serializer above
        required=False, allow_null=True, default=None, help_text="The message above; default: the end of the branch"
    )
    files = FilesField(required=False, default=list)


class NewChatSerializer(ContentSerializer):
    """Without `content` and files: an empty chat."""

    content = TextField(max_length=MAX_CONTENT, allow_blank=True, trim_whitespace=False, required=False, default="")
    files = FilesField(required=False, default=list)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs


class EditMessageSerializer(ContentSerializer):
    """Without `files` the message keeps those it has."""

    files = FilesField(required=False, allow_null=True, default=None)


class SourceSerializer(serializers.Serializer[Any]):
    """A page that an answer cites."""

    title = TextField(max_length=1000, allow_blank=True)
    url = serializers.CharField(max_length=4000)


class StepSerializer(serializers.Serializer[Any]):
    """A status line, as in its event."""

    description = TextField(max_length=2000, allow_blank=True, required=False)
    done = serializers.BooleanField(required=False)
    error = serializers.BooleanField(required=False)
    detail = TextField(max_length=4000, allow_blank=True, required=False)
    notice = serializers.BooleanField(required=False)
    sources = serializers.ListField(child=SourceSerializer(), required=False, max_length=MAX_STEPS)


class FailureSerializer(serializers.Serializer[Any]):
    """Why an answer failed, as in its last event."""

    message = TextField(max_length=4000, allow_blank=True, required=False, default="")
    provider = TextField(max_length=4000, allow_blank=True, required=False, default="")
    code = serializers.CharField(max_length=200, allow_null=True, allow_blank=True, required=False, default=None)
    blame = serializers.CharField(max_length=50, allow_blank=True, required=False, default="")
    retryable = serializers.BooleanField(required=False, default=False)
    retry_after = serializers.FloatField(required=False, allow_null=True, default=None)


class TemporaryMessageSerializer(serializers.Serializer[Any]):
    """A message of a temporary chat, as its page sends it."""

    id = serializers.UUIDField(required=False, default=uuid.uuid4)
    role = serializers.ChoiceField([Message.Role.USER, Message.Role.ASSISTANT])
    content = TextField(max_length=MAX_CONTENT, allow_blank=True, trim_whitespace=False)
    reasoning = TextField(max_length=MAX_CONTENT, allow_blank=True, trim_whitespace=False, required=False, default="")
    reasoning_ms = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=MAX_INTEGER
    )
    model = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    files = FilesField(required=False, default=list)
    status = serializers.ChoiceField(Message.Status.choices, required=False, default=Message.Status.DONE)
    error = FailureSerializer(required=False, allow_null=True, default=None)
    usage = ObjectField(required=False, allow_null=True, default=None)
    status_history = serializers.ListField(child=StepSerializer(), required=False, default=list, max_length=MAX_STEPS)
    created = serializers.DateTimeField(required=False, default=timezone.now)


class TemporaryChatSerializer(serializers.Serializer[Any]):
    messages = serializers.ListField(child=TemporaryMessageSerializer(), allow_empty=False, max_length=MAX_MESSAGES)


class FinishedChatSerializer(TemporaryChatSerializer):
    def validate_messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if any(message["status"] in Message.RUNNING for message in messages):
            raise serializers.ValidationError(_("Wait until the last answer is finished."))
        return messages


class StoredChatSerializer(serializers.Serializer[Any]):
    chat = ChatSerializer()


class RegenerateSerializer(CompletionOptionsSerializer):
    id = serializers.UUIDField(required=False, default=None)


class RenameSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)


class PreferencesSerializer(serializers.Serializer[Any]):
    """A person's preferences; null resets one."""

    model = serializers.CharField(max_length=255, required=False, allow_null=True)
    theme = serializers.ChoiceField(["system", "light", "dark"], required=False, allow_null=True)
    rows = serializers.ChoiceField(
        ["one", "two"], required=False, allow_null=True, help_text="Lines of a chat in the list"
    )
    sidebar = serializers.ChoiceField(["open", "closed"], required=False, allow_null=True)
    memory = serializers.BooleanField(required=False, allow_null=True, help_text="False: no model is told memories")
    checklist = serializers.BooleanField(
        required=False, allow_null=True, help_text="False: no steps to set the site up"
    )


class TaskStoppedSerializer(serializers.Serializer[Any]):
    status = serializers.BooleanField()


class TasksSerializer(serializers.Serializer[Any]):
    task_ids = serializers.ListField(child=serializers.UUIDField())


class TaskRequestSerializer(serializers.Serializer[Any]):
    """A task for the task model of `model`, about a conversation in OpenAI's messages."""

    model = serializers.CharField(max_length=255)
    messages = serializers.ListField(child=ObjectField(), allow_empty=False)


class CompletionRequestSerializer(ChatRequestSerializer):
    """OpenAI's request, and what this site adds to it."""

    chat_id = serializers.CharField(required=False)
    id = serializers.CharField(required=False, help_text="A message of the chat, or a new UUID for the answer")
    session_id = serializers.CharField(required=False)
    features = ObjectField(required=False)
    files = serializers.ListField(required=False)
    params = ObjectField(required=False)


class BackgroundSerializer(serializers.Serializer[Any]):
    """The response to a request with all three ids; without them the provider's answer is passed on."""

    status = serializers.BooleanField()
    task_id = serializers.UUIDField()
