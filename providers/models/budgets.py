"""Budgets."""

from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers.models.keys import ClientKey
from providers.versioning import ConfigQuerySet

AMOUNT_DIGITS, AMOUNT_PLACES = 18, 6
MOST = Decimal(9_000_000)  # of money: counters hold billionths of it as numbers that Redis can compare
MOST_COUNTED = Decimal(10**12 - 1)  # tokens or pictures


class Budget(models.Model):
    """How much money, how many tokens or pictures may be used in a calendar day, week or month of the site's time zone.

    It is for one API key, one person, a group together, or with `everybody` for each person; with none of these, for
    all people together. `pattern` narrows it to the models whose public ids match.
    """

    class Unit(models.TextChoices):
        MONEY = "money", _("US dollars")
        TOKENS = "tokens", _("tokens")
        PICTURES = "pictures", _("pictures")

    class Period(models.TextChoices):
        DAY = "day", _("day")
        WEEK = "week", _("week")
        MONTH = "month", _("month")

    class Subject(models.TextChoices):
        EVERYONE = "everyone", _("Each person")
        USER = "user", _("One person")
        GROUP = "group", _("A group, its members together")
        KEY = "key", _("One API key")
        SITE = "site", _("All people together")

    name = models.CharField(_("name"), max_length=100, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    everybody = models.BooleanField(_("each person"), default=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("group"))
    key = models.ForeignKey(
        ClientKey, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("API key")
    )
    pattern = models.CharField(
        _("models"),
        max_length=255,
        blank=True,
        help_text=_("Only models whose ids match count, for example gpt-*. Empty: all models."),
    )
    unit = models.CharField(_("unit"), max_length=10, choices=Unit, default=Unit.MONEY)
    amount = models.DecimalField(
        _("amount"), max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_PLACES, validators=[MinValueValidator(0)]
    )
    period = models.CharField(_("per"), max_length=10, choices=Period, default=Period.MONTH)
    warn_at = models.DecimalField(
        _("warn at"),
        max_digits=4,
        decimal_places=3,
        null=True,
        blank=True,
        default=Decimal("0.8"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("The share that is used up when people are warned: 0.8 is 80 %. Empty: no warning."),
    )

    history = HistoricalRecords()
    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")

    def __str__(self) -> str:
        subject = str(self.key or self.user or self.group or self.Subject(self.target).label)
        return f"{self.name}: {subject}" if self.name else subject

    @property
    def target(self) -> str:
        """Whom it is for, a member of `Subject`."""
        chosen = self._chosen()
        return chosen[0] if chosen else self.Subject.SITE.value

    @property
    def target_id(self) -> int | None:
        """The id of the person, group or key; None for the other targets."""
        ids: dict[str, int | None] = {"user": self.user_id, "group": self.group_id, "key": self.key_id}
        return ids.get(self.target)

    def _chosen(self) -> list[str]:
        given = {"key": self.key_id, "user": self.user_id, "group": self.group_id, "everyone": self.everybody or None}
        return [target for target, value in given.items() if value is not None]

    def clean(self) -> None:
        self._check()

    def save(self, *args: Any, **options: Any) -> None:
        """Raises ValidationError for a budget of two people at once, and for amounts that cannot be counted."""
        self._check()
        super().save(*args, **options)

    def _check(self) -> None:
        if len(self._chosen()) > 1:
            raise ValidationError(_("A budget is for one person, one group, one API key, or each person. Choose one."))
        if self.amount is None:  # the form has said so
            return
        amount = Decimal(str(self.amount))
        most = MOST if self.unit == self.Unit.MONEY else MOST_COUNTED
        if not amount.is_finite() or not 0 <= amount <= most:
            raise ValidationError({"amount": _("Enter a number from 0 to %(most)s.") % {"most": most}})
        if self.unit != self.Unit.MONEY and amount != amount.to_integral_value():
            raise ValidationError({"amount": _("Tokens and pictures are whole numbers.")})


class BudgetNotice(models.Model):
    """That people were warned of a budget: once per period and counter, whichever process noticed it."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="+")
    counter = models.CharField(max_length=100)  # the name of the counter, such as each person's own
    period_start = models.DateTimeField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["budget", "counter", "period_start"], name="one_notice_per_period")
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.counter} {self.period_start:%Y-%m-%d}"
