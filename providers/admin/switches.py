"""The gateway's settings: one row, so the list leads straight to it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy

from providers.admin.forms import GatewaySettingsForm
from providers.admin.history import HistoryAdmin
from providers.models import GatewaySettings


@admin.register(GatewaySettings)
class GatewaySettingsAdmin(HistoryAdmin):
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

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:providers_gatewaysettings_change", GatewaySettings.load().pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
