"""What calls used."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.models.keys import ClientKey
from providers.models.servers import Connection


class UsageRecord(models.Model):
    """One call to a provider, whether it was reached or not."""

    when = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    key = models.ForeignKey(
        ClientKey, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("API key")
    )
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("connection")
    )
    model = models.CharField(_("model"), max_length=255, blank=True)  # public id; stays when the model is deleted
    kind = models.CharField(_("kind"), max_length=20)  # the name of an operation, image, task
    tokens_in = models.PositiveIntegerField(_("tokens sent"), default=0)
    tokens_out = models.PositiveIntegerField(_("tokens received"), default=0)
    images = models.PositiveIntegerField(_("pictures"), default=0)
    audio_bytes = models.PositiveBigIntegerField(_("bytes of audio"), default=0)
    status = models.PositiveSmallIntegerField(_("status"), default=0)  # HTTP status; 499 = the client disconnected
    first_byte_ms = models.PositiveIntegerField(_("milliseconds to the first byte"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("milliseconds"), default=0)

    class Meta:
        ordering: ClassVar = ["-when"]
        indexes: ClassVar = [models.Index(fields=["user", "when"], name="usage_by_user")]
        verbose_name = _("usage record")
        verbose_name_plural = _("usage")

    def __str__(self) -> str:
        return f"{self.when:%Y-%m-%d %H:%M} {self.kind} {self.model}"
