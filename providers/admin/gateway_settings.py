"""The settings of the gateway, one row."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from providers.admin.forms import GatewaySettingsForm
from providers.admin.singleton import SingletonAdmin
from providers.models import GatewaySettings


@admin.register(GatewaySettings)
class GatewaySettingsAdmin(SingletonAdmin):
    form = GatewaySettingsForm
    fieldsets = (
        (None, {"fields": ("enable_openai_api", "default_model")}),
        (
            gettext_lazy("Small tasks"),
            {
                "fields": ("task_model", "task_model_external"),
                "description": gettext_lazy("Titles, suggestions and image prompts are written by these."),
            },
        ),
        (
            gettext_lazy("Reading aloud"),
            {
                "fields": ("speech_model", "speech_voice"),
                "description": gettext_lazy("Without a speech model the browser's own voice reads."),
            },
        ),
    )
