"""Saved prompts: texts with fields to fill in, called by `/`."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Prompt(models.Model):
    """One text of one person, for themselves or for others too. `chat.prompts.fields` reads what is to be filled in."""

    class Audience(models.TextChoices):
        PRIVATE = "private", _("Only me")
        GROUPS = "groups", _("Groups of mine")
        PUBLIC = "public", _("Everyone who can sign in")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("owner"))
    command = models.CharField(_("command"), max_length=40)  # what is typed after the slash
    title = models.CharField(_("title"), max_length=100)
    text = models.TextField(_("text"))
    access = models.CharField(_("who may use it"), max_length=10, choices=Audience, default=Audience.PRIVATE)
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), blank=True, related_name="+")
    created = models.DateTimeField(_("created"), default=timezone.now)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering: ClassVar = ["command", "created"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "command"], name="one_prompt_per_command_of_a_person")
        ]
        indexes: ClassVar = [models.Index(fields=["access"], name="prompts_by_access")]
        verbose_name = _("saved prompt")
        verbose_name_plural = _("saved prompts")

    def __str__(self) -> str:
        return f"/{self.command}"
