"""The picture settings: one row, so the list leads straight to it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy

from imagegen.admin.forms import ImageSettingsForm
from imagegen.models import ImageSettings
from providers.admin.history import HistoryAdmin


@admin.register(ImageSettings)
class ImageSettingsAdmin(HistoryAdmin):
    form = ImageSettingsForm
    autocomplete_fields = ("groups",)
    fieldsets = (
        (None, {"fields": ("enabled", "engine")}),
        (gettext_lazy("Editing"), {"fields": ("edit_enabled", "edit_engine")}),
        (gettext_lazy("In conversations"), {"fields": ("after_picture", "prompt_generation", "prompt_template")}),
        (gettext_lazy("People"), {"fields": ("groups", "per_user")}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:imagegen_imagesettings_change", ImageSettings.load().pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
