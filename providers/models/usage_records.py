"""What calls used."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.models.keys import ClientKey
from providers.models.servers import Connection

MONEY_DIGITS, MONEY_PLACES = 24, 12  # a token may cost 0.000000005 dollars


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

    # What it was made of. Input includes cached and audio tokens, output reasoning and audio tokens.
    cached_tokens = models.PositiveIntegerField(_("tokens from the cache"), default=0)
    cache_write_tokens = models.PositiveIntegerField(_("tokens into the cache"), default=0)
    reasoning_tokens = models.PositiveIntegerField(_("reasoning tokens"), default=0)
    audio_tokens_in = models.PositiveIntegerField(_("audio tokens sent"), default=0)
    audio_tokens_out = models.PositiveIntegerField(_("audio tokens received"), default=0)
    picture_tokens_in = models.PositiveIntegerField(_("picture tokens sent"), default=0)
    picture_tokens_out = models.PositiveIntegerField(_("picture tokens received"), default=0)
    seconds = models.DecimalField(_("seconds of audio"), max_digits=12, decimal_places=3, default=0)  # transcribed
    characters = models.PositiveIntegerField(_("characters read aloud"), default=0)
    picture_size = models.CharField(_("size of the pictures"), max_length=20, blank=True)  # 1024x1024
    picture_quality = models.CharField(_("quality of the pictures"), max_length=20, blank=True)  # the provider's word
    cost = models.DecimalField(  # US dollars
        _("cost"),
        max_digits=MONEY_DIGITS,
        decimal_places=MONEY_PLACES,
        null=True,
        blank=True,
        help_text=_("Empty where no price is known."),
    )

    # Where it went, and why.
    request_id = models.CharField(_("request id"), max_length=100, blank=True, db_index=True)
    provider_request_id = models.CharField(_("request id of the provider"), max_length=200, blank=True, db_index=True)
    upstream_id = models.CharField(_("model at the provider"), max_length=255, blank=True)
    config_version = models.BigIntegerField(_("version of the configuration"), null=True, blank=True)
    tried = models.JSONField(_("sources passed over"), default=list, blank=True)  # [{"connection", "outcome", …}]
    rewrites = models.JSONField(_("rules that changed the request"), default=list, blank=True)  # `payload.rewrite`
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error_message = models.CharField(_("error"), max_length=300, blank=True)  # the provider's words, without secrets
    groups = models.CharField(_("groups"), max_length=500, blank=True)  # of the person then; a line for each name

    # Empty while the row exists. Its deletion writes the name (`providers.signals`), which totals go on telling.
    key_name = models.CharField(_("deleted API key"), max_length=130, blank=True, default="", db_default="")
    connection_name = models.CharField(_("deleted connection"), max_length=100, blank=True, default="", db_default="")

    class Meta:
        ordering: ClassVar = ["-when"]
        indexes: ClassVar = [models.Index(fields=["user", "when"], name="usage_by_user")]
        verbose_name = _("usage record")
        verbose_name_plural = _("usage")

    def __str__(self) -> str:
        return f"{self.when:%Y-%m-%d %H:%M} {self.kind} {self.model}"
