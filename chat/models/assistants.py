"""Assistants: models that people make of others. What calls need is a preset of the gateway; the rest is here."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.models import ChatModel


class Assistant(models.Model):
    """What a chat adds to a preset that a person made. Its files are `File` rows that name it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Name, base, system prompt, parameters, owner and who may use it.
    model = models.OneToOneField(ChatModel, models.CASCADE, related_name="assistant", verbose_name=_("model"))
    picture = models.BinaryField(default=b"", blank=True)  # a small PNG of ours: see `chat.assistants.pictures`
    picture_digest = models.CharField(max_length=16, blank=True, editable=False)  # empty: no picture
    starters = models.JSONField(_("starters"), default=list, blank=True)  # texts
    tools = models.JSONField(_("tools"), null=True, blank=True)  # names of those that it may use; None: all
    created = models.DateTimeField(_("created"), default=timezone.now)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering: ClassVar = ["-created", "-id"]
        verbose_name = _("assistant")
        verbose_name_plural = _("assistants")
        permissions: ClassVar = [
            ("share_with_groups", "Can share assistants and prompts with their own groups"),
            ("share_with_all", "Can share assistants and prompts with everybody"),
        ]

    def __str__(self) -> str:
        return str(self.model)
