"""Messages that are not sent yet: what people have begun to write, and what waits until an answer has ended."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat


class Draft(models.Model):
    """What somebody has written into the field of a chat, or of the new chat, and not sent."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="drafts", verbose_name=_("user"))
    chat = models.ForeignKey(Chat, models.CASCADE, null=True, blank=True, related_name="drafts")  # None: the new chat
    key = models.CharField(max_length=36)  # the chat's id, or "new": unique, which None would not be
    text = models.TextField(_("text"), blank=True)
    files = models.JSONField(_("files"), default=list, blank=True)  # ids of uploads
    written = models.DateTimeField(_("written"))  # when its person wrote it, by this site's clock

    class Meta:
        ordering: ClassVar = ["-written"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "key"], name="one_draft_per_person_and_chat")]
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")

    def __str__(self) -> str:
        return self.key


class QueuedMessage(models.Model):
    """A message that was written while an answer ran. Its id is that of the message it becomes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="queued", verbose_name=_("chat"))
    position = models.PositiveIntegerField()  # the order in which they are sent; numbers may be missing
    content = models.TextField(_("content"), blank=True)
    files = models.JSONField(_("files"), default=list, blank=True)  # ids of uploads
    # {"model", "models", "features", "params", "once"} of the request for the answer.
    options = models.JSONField(default=dict, blank=True)
    sign_in = models.BigIntegerField(null=True, blank=True, editable=False)
    client_key = models.BigIntegerField(null=True, blank=True, editable=False)  # of the API key that added it
    is_urgent = models.BooleanField(default=False)  # goes next, however the answer that runs ends
    is_held = models.BooleanField(default=False)  # its answer did not end well, or it was refused: its person sends it
    error = models.JSONField(null=True, blank=True)  # why it was refused, as `stored_errors` keeps it
    created = models.DateTimeField(_("created"), default=timezone.now)
    changed = models.DateTimeField(default=timezone.now)  # an edit moves it: what is sent is what was read

    class Meta:
        ordering: ClassVar = ["position", "created"]
        verbose_name = _("queued message")
        verbose_name_plural = _("queued messages")

    def __str__(self) -> str:
        return self.content[:60]
