"""The one row of settings."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers.versioning import SettingsRow


class GatewaySettings(SettingsRow):
    """The settings of the gateway as a whole."""

    enable_openai_api = models.BooleanField(_("connections enabled"), default=True)
    task_model = models.CharField(_("task model for local models"), max_length=255, blank=True)
    task_model_external = models.CharField(_("task model for external models"), max_length=255, blank=True)
    default_model = models.CharField(_("model for new chats"), max_length=255, blank=True)
    speech_model = models.CharField(_("speech model"), max_length=255, blank=True)
    speech_voice = models.CharField(_("voice"), max_length=100, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = verbose_name_plural = _("gateway settings")
