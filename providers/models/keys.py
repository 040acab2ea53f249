"""API keys of people."""

import hashlib
import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from providers.versioning import ConfigQuerySet

KEY_PREFIX = "sk-"


def key_digest(key: str) -> str:
    """SHA-256 of a key, in hex. Keys have 256 random bits: a hash without salt is safe, and it can be looked up."""
    return hashlib.sha256(key.encode()).hexdigest()


class ClientKey(models.Model):
    """An API key with which a program calls this site. Only its digest is stored: the key is shown once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="client_keys", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list, blank=True)  # empty = everything its user may do
    created = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name or _('API key')} ({self.prefix}…)"

    @staticmethod
    def make_key() -> str:
        return KEY_PREFIX + secrets.token_urlsafe(32)
