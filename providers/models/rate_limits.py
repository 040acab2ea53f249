"""Rate limits."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers.models.keys import ClientKey
from providers.versioning import ConfigQuerySet


class RateLimit(models.Model):
    """A rate limit: requests and tokens per minute and per day. An empty number is no limit."""

    class Target(models.TextChoices):
        EVERYONE = "everyone", _("Each person")
        USER = "user", _("One person")
        GROUP = "group", _("A group, its members together")
        KEY = "key", _("One API key")

    name = models.CharField(_("name"), max_length=100, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    target = models.CharField(_("for"), max_length=10, choices=Target, default=Target.EVERYONE)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("group"))
    key = models.ForeignKey(
        ClientKey, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("API key")
    )
    requests_minute = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)
    tokens_minute = models.PositiveIntegerField(_("tokens per minute"), null=True, blank=True)
    requests_day = models.PositiveIntegerField(_("requests per day"), null=True, blank=True)
    tokens_day = models.PositiveBigIntegerField(_("tokens per day"), null=True, blank=True)

    history = HistoricalRecords()
    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["target", "pk"]
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits")

    def __str__(self) -> str:
        target = self.user or self.group or self.key or self.get_target_display()
        return f"{self.name}: {target}" if self.name else str(target)

    def clean(self) -> None:
        chosen = {"user": self.user_id, "group": self.group_id, "key": self.key_id}
        if self.target != self.Target.EVERYONE and not chosen[self.target]:
            raise ValidationError({self.target: _("Choose the person, group or key that this limit is for.")})
        self._check_numbers()

    def save(self, *args: Any, **options: Any) -> None:
        """Raises ValidationError for a limit without any number: it would look like one and limit nothing."""
        self._check_numbers()
        super().save(*args, **options)

    def _check_numbers(self) -> None:
        if all(getattr(self, name) is None for name in self.numbers()):
            raise ValidationError(_("Enter at least one number. To lift a limit, switch it off or delete it."))

    @classmethod
    def numbers(cls) -> tuple[str, ...]:
        """The columns that say how much: each has its row in `providers.relay.rate_limits.RULES`."""
        return tuple(
            field.name
            for field in cls._meta.concrete_fields
            if isinstance(field, models.PositiveIntegerField | models.PositiveBigIntegerField)
        )

    @property
    def target_id(self) -> int | None:
        """The id of the person, group or key that the limit is for; None for everybody."""
        chosen: dict[str, int | None] = {"user": self.user_id, "group": self.group_id, "key": self.key_id}
        return chosen.get(self.target)
