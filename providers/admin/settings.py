"""The settings of the gateway, one row."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from providers import catalogue
from providers.admin.forms import GatewaySettingsForm
from providers.admin.singleton import SingletonAdmin
from providers.catalogue import defaults
from providers.config import first_rows
from providers.models import GatewaySettings


@admin.register(GatewaySettings)
class GatewaySettingsAdmin(SingletonAdmin):
    form = GatewaySettingsForm
    fieldsets = (
        (None, {"fields": ("enable_openai_api", "default_model")}),
        (gettext_lazy("Pipelines"), {"fields": ("filter_api_calls",)}),
        (
            gettext_lazy("Small tasks"),
            {
                "fields": ("task_model", "task_model_external"),
                "description": gettext_lazy("Titles, suggestions and image prompts are written by these."),
            },
        ),
        (
            gettext_lazy("Speaking and listening"),
            {
                "fields": ("speech_model", "speech_voice", "transcription_model"),
                "description": gettext_lazy("Without a speech model the browser's own voice reads."),
            },
        ),
        (gettext_lazy("Costs"), {"fields": ("currency", "currency_rate")}),
    )

    def variables_of(self, row: GatewaySettings) -> dict[str, str]:
        return first_rows.variables_of(row)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if doubt := defaults.default_doubt(catalogue.snapshot_blocking()):
            self.message_user(request, doubt, messages.WARNING)
