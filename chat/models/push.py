"""Devices that are told when something is ready (Web Push)."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from providers.fields import EncryptedTextField


class PushKey(models.Model):
    """The key pair by which push services know this site (VAPID): one row, made when it is first needed."""

    private = EncryptedTextField(_("private key"))  # PEM
    public = models.CharField(_("public key"), max_length=100)  # as browsers want it: base64url, uncompressed
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("push key")

    def __str__(self) -> str:
        return self.public


class PushDevice(models.Model):
    """A browser of a person that wants to be told. Whoever knows `endpoint` can reach it, so it is encrypted."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="push_devices", verbose_name=_("user")
    )
    endpoint = EncryptedTextField(_("address"))
    digest = models.CharField(_("digest of the address"), max_length=64, unique=True)
    public = models.CharField(_("public key"), max_length=100)
    auth = EncryptedTextField(_("secret"))
    name = models.CharField(_("name"), max_length=100)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    last_told = models.DateTimeField(_("last told"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created", "-id"]
        verbose_name = _("device")
        verbose_name_plural = _("devices")

    def __str__(self) -> str:
        return self.name
