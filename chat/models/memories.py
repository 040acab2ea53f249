"""What models may know about people."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


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
