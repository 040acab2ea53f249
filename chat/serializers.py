"""The chat's JSON: request bodies, and how chats and messages look in responses."""

import uuid
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat import events
from chat.models import Chat, Message
from chat.rules import RulesSerializer
from providers import stored_errors
from providers.json_bodies import ObjectField, TextField
from providers.relay.serializers import ChatRequestSerializer

MAX_FILES = 20
MAX_COMPARED = 4  # models that answer one question side by side
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
            "context_tokens",
            "is_incomplete",
            "is_edited",
            "reasoning_ms",
            "first_token_ms",
            "duration_ms",
        )
        read_only_fields = fields


class ChatSerializer(serializers.ModelSerializer[Chat]):
    url = serializers.SerializerMethodField()
    rules = RulesSerializer(read_only=True)
    pinned = serializers.SerializerMethodField()
    archived = serializers.SerializerMethodField()

    class Meta:
        model = Chat
        fields: tuple[str, ...] = (
            *("id", "title", "model", "rules", "created", "updated", "url"),
            *("folder", "pinned", "archived", "unread", "deleted_at"),
        )
        read_only_fields = fields

    @extend_schema_field(bool)
    def get_pinned(self, chat: Chat) -> bool:
        return chat.pinned_at is not None

    @extend_schema_field(bool)
    def get_archived(self, chat: Chat) -> bool:
        return chat.archived_at is not None

    @extend_schema_field(str)
    def get_url(self, chat: Chat) -> str:
        return f"/c/{chat.pk}"


class ExcerptSerializer(serializers.Serializer[Any]):
    """Where a chat says the words of a search."""

    message = serializers.UUIDField(source="message.pk", allow_null=True, default=None)
    role = serializers.CharField(source="message.role", allow_null=True, default=None)
    created = serializers.DateTimeField()
    url = serializers.CharField(help_text="Opens the chat there")
    text = serializers.CharField(source="excerpt.text", help_text="A part of the message, or the title")
    marks = serializers.ListField(
        source="excerpt.marks",
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="The characters of `text` that match: from, and until",
    )
    count = serializers.IntegerField(help_text="How many messages of the chat have the words; its title counts, too")


class FoundChatSerializer(ChatSerializer):
    """A chat of a list. `excerpt`: where it says the words, in a search; null otherwise."""

    excerpt = serializers.SerializerMethodField()

    class Meta(ChatSerializer.Meta):
        fields: tuple[str, ...] = (*ChatSerializer.Meta.fields, "excerpt")
        read_only_fields = fields

    @extend_schema_field(ExcerptSerializer(allow_null=True))
    def get_excerpt(self, chat: Chat) -> dict[str, Any] | None:
        hit = self.context.get("hits", {}).get(chat.pk)
        return ExcerptSerializer(hit).data if hit is not None else None


class FoundPageSerializer(serializers.Serializer[Any]):
    results = FoundChatSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


class HitSerializer(ExcerptSerializer):
    """A chat that a search found, and where."""

    chat = ChatSerializer()


class HitPageSerializer(serializers.Serializer[Any]):
    results = HitSerializer(many=True)
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
    messages = MessageSerializer(many=True, required=False)
    comparison = serializers.IntegerField(required=False)


class ExchangeSerializer(serializers.Serializer[Any]):
    """With `models`: `messages` are the answers of all, `message` is the first of them."""

    user_message = MessageSerializer()
    message = MessageSerializer()
    messages = MessageSerializer(many=True, required=False)
    comparison = serializers.IntegerField(required=False)


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
    once = serializers.BooleanField(
        required=False, default=False, help_text="With this model this time alone: the chat and its person keep theirs"
    )


@extend_schema_field({"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}})
class FilesField(serializers.ListField):
    """Uploaded files by their ids: `[{"id"}]`, other members are ignored. The value is the list of ids."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.DictField(), max_length=MAX_FILES, **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        return [str(file.get("id", "")) for file in super().to_internal_value(data)]


class ModelsField(serializers.ListField):
    """Two to four models that answer side by side."""

    def __init__(self, *, default: Any = list) -> None:
        super().__init__(
            child=serializers.CharField(max_length=255),
            required=False,
            default=default,
            max_length=MAX_COMPARED,
            help_text="Two to four models that answer side by side, instead of `model`",
        )

    def to_internal_value(self, data: Any) -> list[Any]:
        models = super().to_internal_value(data)
        if len(models) == 1 or len(set(models)) < len(models):
            raise serializers.ValidationError(_("Name two to four different models."))
        return models


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
    models = ModelsField()


class NewChatSerializer(ContentSerializer):
    """Without `content` and files: an empty chat."""

    content = TextField(max_length=MAX_CONTENT, allow_blank=True, trim_whitespace=False, required=False, default="")
    files = FilesField(required=False, default=list)
    models = ModelsField()
    title = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    rules = RulesSerializer(required=False, allow_null=True, default=None)
    folder = serializers.UUIDField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs


class EditMessageSerializer(ContentSerializer):
    """Without `files` the message keeps those it has; without a model, the models that answered it answer again."""

    files = FilesField(required=False, allow_null=True, default=None)
    models = ModelsField()


class SourceSerializer(serializers.Serializer[Any]):
    """A page, or a file, that an answer cites; `site` says which places of the file."""

    title = TextField(max_length=1000, allow_blank=True)
    url = serializers.CharField(max_length=4000)
    site = TextField(max_length=1000, allow_blank=True, required=False)


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
    rules = RulesSerializer(required=False, allow_null=True, default=None)

    def validate_messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if any(message["status"] in Message.RUNNING for message in messages):
            raise serializers.ValidationError(_("Wait until the last answer is finished."))
        return messages


class StoredChatSerializer(serializers.Serializer[Any]):
    chat = ChatSerializer()


class RevisionSerializer(serializers.Serializer[Any]):
    content = TextField(max_length=MAX_CONTENT, trim_whitespace=False)


class RegenerateSerializer(CompletionOptionsSerializer):
    id = serializers.UUIDField(required=False, default=None)


class ChatChangesSerializer(serializers.Serializer[Any]):
    """What is missing stays as it is."""

    title = serializers.CharField(max_length=200, required=False)
    rules = RulesSerializer(required=False, allow_null=True, help_text="Instead of those so far; null for none")

    folder = serializers.UUIDField(required=False, allow_null=True, help_text="Null takes it out of its folder")
    pinned = serializers.BooleanField(required=False)
    archived = serializers.BooleanField(required=False)
    unread = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            names = ", ".join(self.fields)
            raise serializers.ValidationError(_("Name what to change: %(names)s.") % {"names": names})
        return attrs


class PreferencesSerializer(serializers.Serializer[Any]):
    """A person's preferences; null resets one."""

    model = serializers.CharField(max_length=255, required=False, allow_null=True)
    theme = serializers.ChoiceField(["system", "light", "dark"], required=False, allow_null=True)
    rows = serializers.ChoiceField(
        ["one", "two"], required=False, allow_null=True, help_text="Lines of a chat in the list"
    )
    sidebar = serializers.ChoiceField(["open", "closed"], required=False, allow_null=True)
    voice = serializers.CharField(
        max_length=100, required=False, allow_null=True, help_text="Reads aloud, instead of the site's"
    )
    notice_text = serializers.BooleanField(
        required=False, allow_null=True, help_text="Notifications show the title and the beginning of the answer"
    )
    listening = serializers.ChoiceField(
        ["site", "browser"], required=False, allow_null=True, help_text="Who writes down what is said"
    )
    memory = serializers.BooleanField(required=False, allow_null=True, help_text="False: no model is told memories")
    recipes = serializers.BooleanField(
        required=False, allow_null=True, help_text="False: nothing is written into pictures that leave"
    )
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
    rules = RulesSerializer(required=False, help_text="Of a chat that is not stored; a stored one has its own")


class BackgroundSerializer(serializers.Serializer[Any]):
    """The response to a request with all three ids; without them the provider's answer is passed on."""

    status = serializers.BooleanField()
    task_id = serializers.UUIDField()
