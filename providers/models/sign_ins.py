"""Sign-ins through an OpenID provider."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from providers.fields import EncryptedTextField


class SignIn(models.Model):
    """A sign-in through an OpenID provider: the tokens of one browser session, see `providers.sign_ins`."""

    account = models.ForeignKey("socialaccount.SocialAccount", models.CASCADE, related_name="+")
    token = EncryptedTextField()
    refresh_token = EncryptedTextField(blank=True)
    expires_at = models.DateTimeField(null=True)  # of the token; None: the provider did not say
    session_ends = models.DateTimeField(db_index=True)
    renewing_until = models.DateTimeField(null=True)  # a process renews the token; None: no process does

    class Meta:
        verbose_name = _("sign-in through a provider")
        verbose_name_plural = _("sign-ins through a provider")

    def __str__(self) -> str:
        return f"{self.pk}"
