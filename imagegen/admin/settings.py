"""The picture settings in the admin: one row, to which the list redirects."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from imagegen.admin.forms import ImageSettingsForm
from imagegen.config import first_rows
from imagegen.models import ImageSettings
from providers.admin.singleton import SingletonAdmin


@admin.register(ImageSettings)
class ImageSettingsAdmin(SingletonAdmin):
    form = ImageSettingsForm
    autocomplete_fields = ("groups",)
    fieldsets = (
        (None, {"fields": ("enabled", "engine")}),
        (gettext_lazy("Editing"), {"fields": ("edit_enabled", "edit_engine")}),
        (gettext_lazy("In conversations"), {"fields": ("after_picture", "prompt_generation", "prompt_template")}),
        (gettext_lazy("People"), {"fields": ("groups", "per_user")}),
        (gettext_lazy("Before drawing"), {"fields": ("ask_above_cost", "ask_above_pictures")}),
        (gettext_lazy("When an engine is down"), {"fields": ("fail_over",)}),
    )

    def variables_of(self, row: ImageSettings) -> dict[str, str]:
        return first_rows.variables_of(row)
