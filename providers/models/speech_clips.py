"""Stored audio of speech requests."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SpeechClip(models.Model):
    """The stored audio of a speech request (`providers.speech`)."""

    key = models.CharField(max_length=64, unique=True)  # SHA-256 of request, connection and model
    storage_name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=50)
    size = models.PositiveBigIntegerField()
    last_used = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("speech clip")
        verbose_name_plural = _("speech clips")

    def __str__(self) -> str:
        return f"{self.key[:12]}… ({self.size} bytes)"
