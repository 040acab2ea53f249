"""Answers of several models to one question, and which of them a person picked."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat, Message


class Comparison(models.Model):
    """One question that several models answered side by side. The row stays when its chat goes: it counts who won."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("user"))
    chat = models.ForeignKey(Chat, models.SET_NULL, null=True, blank=True, related_name="comparisons")
    question = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(_("created"), default=timezone.now, db_index=True)
    picked_at = models.DateTimeField(_("picked"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created"]
        verbose_name = _("comparison")
        verbose_name_plural = _("comparisons")

    def __str__(self) -> str:
        return str(self.pk)


class ComparedAnswer(models.Model):
    """One answer of a comparison."""

    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="answers", verbose_name=_("comparison"))
    answer = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="compared")
    model = models.CharField(_("model"), max_length=255)  # public id
    is_merged = models.BooleanField(_("made of the others"), default=False)
    is_picked = models.BooleanField(_("picked"), default=False)

    class Meta:
        ordering: ClassVar = ["pk"]
        verbose_name = _("compared answer")
        verbose_name_plural = _("compared answers")

    def __str__(self) -> str:
        return self.model
