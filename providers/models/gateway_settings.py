"""The one row of settings."""

from decimal import Decimal

from django.core.validators import MinValueValidator, RegexValidator
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
    transcription_model = models.CharField(_("model that writes down speech"), max_length=255, blank=True)

    currency = models.CharField(
        _("currency to show"),
        max_length=3,
        default="USD",
        help_text=_("Its code: USD, EUR, CNY. Costs are kept in US dollars."),
        validators=[RegexValidator(r"^[A-Z]{3}\Z", _("Enter the three letters of a currency."))],
    )
    currency_rate = models.DecimalField(
        _("its units for a US dollar"),
        max_digits=16,
        decimal_places=8,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.00000001"))],
    )
    filter_api_calls = models.BooleanField(
        _("filters for programs too"),
        default=False,
        help_text=_(
            "Chat completions by API key pass through the filters of pipelines servers, as chats do. A streamed answer "
            "is not changed by them: they only see it at its end."
        ),
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = verbose_name_plural = _("gateway settings")
