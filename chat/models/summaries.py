"""Summaries of the beginnings of long chats."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat, Message


class Summary(models.Model):
    """What models read instead of a branch's messages up to `upto`. The messages stay; deleting the row undoes it."""

    class SummaryStatus(models.TextChoices):
        PENDING = "pending", _("pending")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="summaries", verbose_name=_("chat"))
    upto = models.ForeignKey(Message, models.CASCADE, related_name="+")  # an answer, the last message that it covers
    status = models.CharField(_("status"), max_length=8, choices=SummaryStatus, default=SummaryStatus.PENDING)
    text = models.TextField(_("text"), blank=True)
    messages = models.PositiveIntegerField(_("messages"), default=0)  # how many it covers
    model = models.CharField(_("model"), max_length=255, blank=True)  # public id of the one that wrote it
    is_automatic = models.BooleanField(_("made by itself"), default=False)
    error = models.JSONField(_("error"), null=True, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        ordering: ClassVar = ["created"]
        verbose_name = _("summary")
        verbose_name_plural = _("summaries")

    def __str__(self) -> str:
        return self.text[:60]
