"""What deleted usage records add up to."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from providers.models.keys import ClientKey
from providers.models.servers import Connection
from providers.models.usage_records import MONEY_DIGITS, MONEY_PLACES


class UsageTotal(models.Model):
    """The sums of some usage records of one day with the same person, key, groups, model and connection.

    The records are gone: `providers.relay.usage.roll_up` moves them here. There may be several rows for the same
    things; only their sums mean anything.
    """

    day = models.DateField(_("day"), db_index=True)  # of the site's time zone, as it was then
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    key = models.ForeignKey(
        ClientKey, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("API key")
    )
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("connection")
    )
    # Names as they were then: they stay when the rows are deleted.
    key_name = models.CharField(max_length=130, blank=True)
    connection_name = models.CharField(max_length=100, blank=True)
    groups = models.CharField(_("groups"), max_length=500, blank=True)  # a line for each name
    model = models.CharField(_("model"), max_length=255, blank=True)

    calls = models.PositiveBigIntegerField(_("calls"), default=0)
    failed = models.PositiveBigIntegerField(_("failed"), default=0)
    unpriced = models.PositiveBigIntegerField(_("calls of unknown cost"), default=0)
    tokens_in = models.PositiveBigIntegerField(_("tokens sent"), default=0)
    tokens_out = models.PositiveBigIntegerField(_("tokens received"), default=0)
    cached_tokens = models.PositiveBigIntegerField(_("tokens from the cache"), default=0)
    reasoning_tokens = models.PositiveBigIntegerField(_("reasoning tokens"), default=0)
    images = models.PositiveBigIntegerField(_("pictures"), default=0)
    characters = models.PositiveBigIntegerField(_("characters read aloud"), default=0)
    seconds = models.DecimalField(_("seconds of audio"), max_digits=18, decimal_places=3, default=0)
    cost = models.DecimalField(  # US dollars; empty where that of no call is known
        _("cost"), max_digits=MONEY_DIGITS, decimal_places=MONEY_PLACES, null=True, blank=True
    )

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "day"], name="usage_total_by_user")]
        verbose_name = _("usage total")
        verbose_name_plural = _("usage totals")

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.model}"
