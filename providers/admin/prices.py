"""What models cost, as administrators know it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import JSONField
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from providers.admin.history import HistoryAdmin
from providers.json_bodies import TypedJSONField
from providers.models import Price


@admin.register(Price)
class PriceAdmin(HistoryAdmin):
    list_display = ("models", "valid_from", "input", "cached_input", "output", "picture", "request", "per")
    list_display_links = ("models",)
    list_filter = (("connection", RelatedDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("connection",)
    search_fields = ("pattern", "connection__name")
    autocomplete_fields = ("connection",)
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        JSONField: {"form_class": TypedJSONField, "widget": UnfoldAdminTextareaWidget}
    }
    fieldsets = (
        (
            None,
            {
                "fields": ("pattern", "connection", "valid_from"),
                "description": gettext_lazy(
                    "Prices are in US dollars and replace those that this site knows by itself or that a provider "
                    "lists. Of several prices that fit, the one for the connection counts before one for all, then "
                    "the one with the narrower pattern, then the latest. What a provider itself says that a call cost "
                    "counts before all of them."
                ),
            },
        ),
        (
            gettext_lazy("Words"),
            {"fields": ("per", "input", "cached_input", "cache_write", "output", "reasoning")},
        ),
        (gettext_lazy("Pictures"), {"fields": ("picture", "pictures", "picture_input", "picture_output")}),
        (gettext_lazy("Sound"), {"fields": ("audio_input", "audio_output", "character", "second")}),
        (gettext_lazy("Each call"), {"fields": ("request",)}),
    )

    @display(description=gettext_lazy("Models"), ordering="pattern", header=True)
    def models(self, row: Price) -> list[Any]:
        return [row.pattern, row.connection.name if row.connection else ""]
