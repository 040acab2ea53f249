"""Chats and their messages. A chat's messages form a tree: an edit or a regeneration is a new branch."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from chat.decoding import formats
from chat.file_addresses import content_address
from providers.fields import EncryptedTextField
from providers.secrets.rows import SecretRow
from providers.versioning import SettingsRow

MAX_ATTACHED = 2_000_000  # characters of attached documents that an administrator may allow


class Chat(models.Model):
    """One conversation of one person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chats", verbose_name=_("user"))
    title = models.CharField(_("title"), max_length=200, blank=True)
    title_is_own = models.BooleanField(default=False, editable=False)  # a person's own: no task overwrites it
    model = models.CharField(_("model"), max_length=255, blank=True)  # public id last used here
    # The last message of the branch that is shown; None in an empty chat.
    leaf = models.ForeignKey("Message", models.SET_NULL, null=True, blank=True, related_name="+", editable=False)
    created = models.DateTimeField(_("created"), default=timezone.now)
    updated = models.DateTimeField(_("updated"), default=timezone.now)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)  # while it can be undone

    class Meta:
        ordering: ClassVar = ["-updated"]
        indexes: ClassVar = [models.Index(fields=["user", "deleted_at", "-updated"], name="chats_by_user")]
        verbose_name = _("chat")
        verbose_name_plural = _("chats")

    def __str__(self) -> str:
        return self.title or str(_("New chat"))


class Message(models.Model):
    """One message of one branch. The row of an answer exists before its text; `status` is the state of its reply."""

    class Role(models.TextChoices):
        USER = "user", _("user")
        ASSISTANT = "assistant", _("assistant")
        SYSTEM = "system", _("system")

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        STREAMING = "streaming", _("streaming")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        INTERRUPTED = "interrupted", _("interrupted")
        FAILED = "failed", _("failed")

    RUNNING: ClassVar = (Status.PENDING, Status.STREAMING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="messages", verbose_name=_("chat"))
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    role = models.CharField(_("role"), max_length=10, choices=Role)
    content = models.TextField(_("content"), blank=True)
    reasoning = models.TextField(_("reasoning"), blank=True)
    model = models.CharField(_("model"), max_length=255, blank=True)  # public id
    connection = models.CharField(_("connection"), max_length=100, blank=True)  # name of the connection that answered
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.DONE)
    # {"message", "code", "provider", "retryable", "retry_after"} of a failed answer.
    error = models.JSONField(_("error"), null=True, blank=True)
    usage = models.JSONField(_("usage"), null=True, blank=True)  # the provider's usage object
    status_history = models.JSONField(
        _("status lines"), default=list, blank=True
    )  # the `status` events' data, in order
    files = models.JSONField(_("files"), default=list, blank=True)  # [{"type", "url", "id", "name", "content_type"}]
    # Of an answer: {"features", "params"} of its request, for asking again in the same way.
    options = models.JSONField(default=dict, blank=True)
    follow_ups = models.JSONField(default=list, blank=True)  # of an answer: suggestions of what to ask next, as texts
    reasoning_ms = models.PositiveIntegerField(null=True, blank=True)  # from the first reasoning to the first text
    first_token_ms = models.PositiveIntegerField(_("milliseconds to the first text"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("milliseconds"), null=True, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    saved = models.DateTimeField(default=timezone.now)  # the heartbeat of a running reply: set every second

    class Meta:
        ordering: ClassVar = ["created"]
        indexes: ClassVar = [models.Index(fields=["chat", "parent"], name="messages_by_parent")]
        verbose_name = _("message")
        verbose_name_plural = _("messages")

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.content[:60]}"

    @property
    def is_running(self) -> bool:
        return self.status in self.RUNNING


class PresentFiles(models.Manager["File"]):
    """Files that are not deleted. Deleted ones keep their bytes until the deletion is final."""

    def get_queryset(self) -> models.QuerySet["File"]:
        return super().get_queryset().filter(deleted_at=None)


class File(models.Model):
    """One person's access to stored bytes; rows with the same bytes have the same `storage_name`: see `chat.files`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="files", verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=160)
    storage_name = models.CharField(max_length=300, db_index=True)
    content_type = models.CharField(_("type"), max_length=100)  # as sniffed from the bytes
    size = models.PositiveBigIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(null=True, blank=True)  # of pictures, in pixels
    height = models.PositiveIntegerField(null=True, blank=True)
    chat = models.ForeignKey(
        Chat, models.CASCADE, null=True, blank=True, related_name="file_rows", verbose_name=_("chat")
    )
    message = models.ForeignKey(Message, models.CASCADE, null=True, blank=True, related_name="file_rows")
    session_id = models.CharField(max_length=100, blank=True)
    # How a picture was made: engine, model, prompt, revised_prompt, seed, size; never bytes or whole requests.
    provenance = models.JSONField(_("how it was made"), default=dict, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, db_index=True
    )  # then `collect_files` removes it
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)  # set while a deletion can be undone

    objects = PresentFiles()
    everything = models.Manager["File"]()

    class Meta:
        ordering: ClassVar = ["-created"]
        indexes: ClassVar = [
            models.Index(fields=["owner", "sha256"], name="files_by_bytes"),
            models.Index(fields=["owner", "-created"], name="files_by_owner"),
            models.Index(fields=["deleted_at"], name="files_deleted", condition=models.Q(deleted_at__isnull=False)),
        ]
        verbose_name = _("file")
        verbose_name_plural = _("files")

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        return content_address(self.pk)

    @property
    def is_picture(self) -> bool:
        return self.content_type.startswith("image/")

    @property
    def is_raster(self) -> bool:
        return formats.is_raster(self.content_type)


class Share(models.Model):
    """The link of a shared chat, which everybody who is signed in may read up to the message `leaf`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)  # the secret part of the link
    chat = models.OneToOneField(Chat, models.CASCADE, related_name="share", verbose_name=_("chat"))
    leaf = models.ForeignKey(Message, models.CASCADE, related_name="+")
    created = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("shared chat")
        verbose_name_plural = _("shared chats")

    def __str__(self) -> str:
        return str(self.chat)


class Memory(models.Model):
    """A fact about a person that models may know in all their chats."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memories", verbose_name=_("user"))
    text = models.CharField(_("fact"), max_length=1000)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering: ClassVar = ["-updated"]
        indexes: ClassVar = [models.Index(fields=["user", "-updated"], name="memories_by_user")]
        verbose_name = _("memory")
        verbose_name_plural = _("memories")

    def __str__(self) -> str:
        return self.text[:60]


class ChatSettings(SettingsRow, SecretRow):
    """The settings of chats: the features that administrators switch on, and limits."""

    titles = models.BooleanField(_("the task model names chats"), default=True)
    follow_ups = models.BooleanField(_("suggest what to ask next"), default=True)
    tools = models.BooleanField(_("models may use tools"), default=True)
    sharing = models.BooleanField(_("people may share chats"), default=True)
    temporary_chats = models.BooleanField(_("people may have temporary chats"), default=True)
    memory = models.BooleanField(_("people may keep memories"), default=False)
    web_search = models.BooleanField(_("people may search the web"), default=False)
    web_search_url = models.CharField(_("address of the search"), max_length=500, blank=True)
    web_search_key = EncryptedTextField(_("key of the search"), blank=True)
    web_search_results = models.PositiveIntegerField(
        _("results per search"), default=5, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    # Characters of attached documents that are sent with one question.
    attachment_budget = models.PositiveIntegerField(
        _("characters of attached documents"),
        default=60_000,
        validators=[MinValueValidator(1_000), MaxValueValidator(MAX_ATTACHED)],
    )

    # Without the key: the history page shows old values.
    history = HistoricalRecords(excluded_fields=["web_search_key"])

    audited = address_columns = ("web_search_url",)

    class Meta:
        verbose_name = verbose_name_plural = _("chat settings")

    def origins(self) -> tuple[str, ...]:
        from providers.http.policy import origin  # late: it brings the HTTP libraries, which most commands never need

        return (origin(self.web_search_url),)
