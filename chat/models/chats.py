"""Chats and their messages. A chat's messages form a tree: an edit or a regeneration is a new branch."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.folders import Folder
from chat.models.written import WrittenQuerySet

PRESENT = models.Q(deleted_at__isnull=True, archived_at__isnull=True)
LISTED = PRESENT & models.Q(folder__isnull=True, pinned_at__isnull=True)  # by day: neither pinned nor in a folder
PINNED = PRESENT & models.Q(pinned_at__isnull=False)
ARCHIVED = models.Q(deleted_at__isnull=True, archived_at__isnull=False)
DELETED = models.Q(deleted_at__isnull=False)
IS_RUNNING = models.Q(status__in=("pending", "streaming"))  # of messages: `Message.RUNNING`, for an index


class Chat(models.Model):
    """One conversation of one person."""

    WATCHED: ClassVar = frozenset({"title"})  # columns whose writes others hear of

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chats", verbose_name=_("user"))
    title = models.CharField(_("title"), max_length=200, blank=True)
    title_is_own = models.BooleanField(default=False, editable=False)  # a person's own: no task overwrites it
    model = models.CharField(_("model"), max_length=255, blank=True)  # public id last used here
    rules = models.JSONField(_("own rules"), default=dict, blank=True, editable=False)  # as `chat.rules` checks them
    # The last message of the branch that is shown; None in an empty chat.
    leaf = models.ForeignKey("Message", models.SET_NULL, null=True, blank=True, related_name="+", editable=False)
    created = models.DateTimeField(_("created"), default=timezone.now)
    updated = models.DateTimeField(_("updated"), default=timezone.now)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)  # while it can be undone
    folder = models.ForeignKey(
        Folder, models.SET_NULL, null=True, blank=True, related_name="chats", verbose_name=_("folder"), db_index=False
    )
    pinned_at = models.DateTimeField(_("pinned"), null=True, blank=True, editable=False)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    unread = models.BooleanField(_("unread"), default=False, editable=False)  # an answer has ended, and nobody saw it

    objects = WrittenQuerySet["Chat"].as_manager()

    class Meta:
        ordering: ClassVar = ["-updated"]
        # A list for each place where a chat can be, in its order: a page of it is read off its index.
        indexes: ClassVar = [
            models.Index(fields=["user", "deleted_at", "-updated"], name="chats_by_user"),
            models.Index(fields=["user", "-updated", "-id"], name="chats_listed", condition=LISTED),
            models.Index(fields=["folder", "-updated", "-id"], name="chats_of_folder"),
            models.Index(fields=["user", "-updated", "-id"], name="chats_archived", condition=ARCHIVED),
            models.Index(fields=["user", "-deleted_at", "-id"], name="chats_deleted", condition=DELETED),
            models.Index(fields=["user", "-pinned_at"], name="chats_pinned", condition=PINNED),
        ]
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
    WATCHED: ClassVar = frozenset({"content", "files", "status"})  # columns whose writes others hear of

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
    context_tokens = models.PositiveIntegerField(_("tokens of the conversation"), null=True, blank=True)  # after it
    is_incomplete = models.BooleanField(_("cut off at its greatest length"), default=False)
    is_edited = models.BooleanField(_("edited by the person"), default=False)  # an answer's text is not the model's own
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

    objects = WrittenQuerySet["Message"].as_manager()

    class Meta:
        ordering: ClassVar = ["created"]
        indexes: ClassVar = [
            models.Index(fields=["chat", "parent"], name="messages_by_parent"),
            models.Index(fields=["chat"], name="messages_running", condition=IS_RUNNING),
        ]
        verbose_name = _("message")
        verbose_name_plural = _("messages")

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.content[:60]}"

    @property
    def is_running(self) -> bool:
        return self.status in self.RUNNING

    @property
    def may_go_on(self) -> bool:
        """Whether this is an answer that ended before its text did, so that the model can continue it."""
        ended_early = self.is_incomplete or self.status in (
            self.Status.STOPPED,
            self.Status.INTERRUPTED,
            self.Status.FAILED,
        )
        return self.role == self.Role.ASSISTANT and ended_early and bool(self.content.strip())
