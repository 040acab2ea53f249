"""Folders: a person's chats about one thing, with a system prompt and files that all of them share."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Folder(models.Model):
    """One folder of one person; folders do not nest. Its files are `File` rows that name it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="folders", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=100)
    prompt = models.TextField(_("instructions"), blank=True)  # what the model of each of its chats is told
    created = models.DateTimeField(_("created"), default=timezone.now)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering: ClassVar = ["name", "created"]
        verbose_name = _("folder")
        verbose_name_plural = _("folders")

    def __str__(self) -> str:
        return self.name
