"""What administrators know of prices."""

from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers.models.servers import Connection
from providers.versioning import ConfigQuerySet

MILLION = 1_000_000


def _money(label: Any, **options: Any) -> models.DecimalField:
    return models.DecimalField(label, max_digits=20, decimal_places=10, null=True, blank=True, **options)


class Price(models.Model):
    """The price of the models of a pattern, in US dollars. An empty number: this price says nothing of it."""

    pattern = models.CharField(
        _("models"),
        max_length=255,
        default="*",
        help_text=_("The id of a model, or a pattern of ids: “gpt-5*”, “*” for all."),
    )
    connection = models.ForeignKey(
        Connection,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("connection"),
        help_text=_("Empty: whichever connection answers."),
    )
    valid_from = models.DateField(
        _("valid from"), null=True, blank=True, help_text=_("Empty: always. Days are in UTC.")
    )
    per = models.PositiveBigIntegerField(_("for so many tokens or characters"), default=MILLION)
    input = _money(_("input"))
    cached_input = _money(_("input from the cache"))
    cache_write = _money(_("input into the cache"))
    output = _money(_("output"))
    reasoning = _money(_("reasoning"), help_text=_("Empty: as the output."))
    audio_input = _money(_("audio in the input"))
    audio_output = _money(_("audio in the output"))
    picture_input = _money(_("pictures in the input, by token"))
    picture_output = _money(_("pictures in the output, by token"))
    character = _money(_("characters read aloud"))
    picture = _money(_("one picture"))
    pictures = models.JSONField(
        _("one picture by size and quality"),
        default=dict,
        blank=True,
        help_text=_('An object: {"1024x1024 high": "0.167", "1024x1024": "0.04"}.'),
    )
    second = _money(_("one second of audio"))
    request = _money(_("one request"))

    history = HistoricalRecords()
    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pattern", "connection", "-valid_from"]
        verbose_name = _("price")
        verbose_name_plural = _("prices")

    def __str__(self) -> str:
        return f"{self.pattern} ({self.connection})" if self.connection else self.pattern

    def clean(self) -> None:
        negative = [name for name in self.amounts() if (value := getattr(self, name)) is not None and value < 0]
        if negative:
            raise ValidationError(dict.fromkeys(negative, _("A price cannot be below 0.")))
        if not self.per:
            raise ValidationError({"per": _("Enter a number above 0.")})
        if self.pictures_by_name() is None:
            raise ValidationError({"pictures": _("Enter an object with a price for each size or quality.")})
        if not self.pictures and all(getattr(self, name) is None for name in self.amounts()):
            raise ValidationError(_("Enter at least one price. What costs nothing has the price 0."))

    def pictures_by_name(self) -> dict[str, Decimal] | None:
        """`pictures` with numbers, names in lower case; None where they are none."""
        if not isinstance(self.pictures, dict):
            return None
        try:
            prices = {str(name).strip().lower(): Decimal(str(price)) for name, price in self.pictures.items()}
        except InvalidOperation:
            return None
        return prices if all(price.is_finite() and price >= 0 for price in prices.values()) else None

    @classmethod
    def amounts(cls) -> tuple[str, ...]:
        """The columns that are prices."""
        return tuple(field.name for field in cls._meta.concrete_fields if isinstance(field, models.DecimalField))
