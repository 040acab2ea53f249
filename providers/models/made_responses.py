"""Which connection made a response that its provider keeps."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.models.keys import ClientKey
from providers.models.servers import Connection

LONGEST_ID = 400  # characters; OpenAI's have some 60, those of proxies that pack facts into them some 250


class MadeResponse(models.Model):
    """One response of the Responses API that can be read, continued, cancelled and deleted at its connection.

    Nothing of its content is here. Ids are the provider's own, so two connections may give the same one.
    """

    response_id = models.CharField(_("response"), max_length=LONGEST_ID, db_index=True)
    when = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user"))
    key = models.ForeignKey(
        ClientKey, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("API key")
    )
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("connection")
    )
    model = models.CharField(_("model"), max_length=255)  # public id
    upstream_id = models.CharField(_("model at the provider"), max_length=255)
    credential = models.CharField(max_length=20, blank=True)  # of a connection with several: `credential_of`
    # False: it is made in the background, and whoever reads its end counts what it used.
    is_counted = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        verbose_name = _("made response")
        verbose_name_plural = _("made responses")

    def __str__(self) -> str:
        return self.response_id
