"""API keys of people and groups."""

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import TextField
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.matching import networks, patterns
from providers.versioning import ConfigQuerySet

KEY_PREFIX = "sk-"


def key_digest(key: str) -> str:
    """SHA-256 of a key, in hex. Keys have 256 random bits: a hash without salt is safe, and it can be looked up."""
    return hashlib.sha256(key.encode()).hexdigest()


class ClientKey(models.Model):
    """An API key with which a program calls this site. Only digests are stored: a secret is shown once.

    A key has one secret, and for a while after it was replaced its former one. The key of a group belongs to the
    group's service account (`User.service_group`), so that chats, files and usage have an owner.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="client_keys", verbose_name=_("user")
    )
    group = models.ForeignKey(
        Group,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="client_keys",
        verbose_name=_("group"),
        help_text=_("The key then belongs to the group and stays when its members change."),
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list, blank=True)  # empty = everything its user may do
    created = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    last_address = models.CharField(_("last address"), max_length=45, blank=True, editable=False)
    former_prefix = models.CharField(max_length=16, blank=True, editable=False)
    former_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001  unique
    former_until = models.DateTimeField(_("the former one works until"), null=True, blank=True, editable=False)
    former_last_used = models.DateTimeField(null=True, blank=True, editable=False)
    former_last_address = models.CharField(max_length=45, blank=True, editable=False)
    addresses = models.TextField(
        _("allowed addresses"),
        blank=True,
        help_text=_(
            "One address or network per line, for example 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32. "
            "Empty: from everywhere."
        ),
    )
    models = TextField(  # the last column: from here on the name means it
        _("models"),
        blank=True,
        help_text=_(
            "One model id per line; * stands for any text, for example gpt-*. "
            "Empty: every model that its owner may use."
        ),
    )

    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name or _('API key')} ({self.prefix}…)"

    @property
    def lasting_name(self) -> str:
        """Its name in rows that outlive it; at most 130 characters, in no language."""
        return f"{self.name} ({self.prefix}…)".strip()

    def clean(self) -> None:
        """Bring models and addresses into their stored form. Raises ValidationError for lines that are neither."""
        errors = {}
        for name, check in (("models", patterns.checked), ("addresses", networks.checked)):
            try:
                setattr(self, name, check(getattr(self, name)))
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(errors)  # type: ignore[arg-type]

    def save(self, *args: Any, **options: Any) -> None:
        """Raises ValidationError as `clean`: a line that cannot be read would allow nothing."""
        self.clean()
        super().save(*args, **options)

    @property
    def allowed_networks(self) -> tuple[networks.Network, ...] | None:
        """The networks from which the key may be used; None for everywhere."""
        return networks.networks_of(self.addresses) if self.addresses.strip() else None

    def end_of(self, digest: str) -> datetime | None:
        """When the secret with this digest ends; None for never. A secret that is not the key's ended at once."""
        if digest == self.digest:
            return self.expires_at
        until = self.former_until if digest == self.former_digest else None
        return min(filter(None, (until, self.expires_at))) if until else datetime.fromtimestamp(0, tz=UTC)

    @property
    def has_former(self) -> bool:
        """Whether the secret that was replaced still works."""
        return self.former_until is not None and self.former_until > timezone.now()

    @staticmethod
    def make_key() -> str:
        return KEY_PREFIX + secrets.token_urlsafe(32)
