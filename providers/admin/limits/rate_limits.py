"""Rate limits for people, groups and API keys."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from providers import catalogue
from providers.admin.filters import among
from providers.admin.limits.trial import TrialAdmin
from providers.catalogue.snapshot_loader import rate_limit_facts
from providers.models import RateLimit
from providers.relay import trials


@admin.register(RateLimit)
class RateLimitAdmin(TrialAdmin):
    list_display = ("subject", *RateLimit.numbers(), "enabled")
    list_display_links = ("subject",)
    list_filter = (("target", ChoicesDropdownFilter), "enabled")
    list_filter_submit = True
    list_select_related = ("user", "group", "key")
    search_fields = ("name", "user__email", "user__name", "group__name", "key__name")
    autocomplete_fields = ("user", "group", "key")
    conditional_fields = {  # noqa: RUF012  as Unfold documents it
        target: among("target", [target]) for target in ("user", "group", "key")
    }
    fieldsets = (
        (None, {"fields": ("name", "enabled", "target", "user", "group", "key")}),
        (
            gettext_lazy("How much"),
            {
                "fields": RateLimit.numbers(),
                "description": gettext_lazy(
                    "Fill in at least one number. An empty one sets no limit of its own. The limit of a key replaces "
                    "that of its person, and the limit of a person replaces the one for each person, number by "
                    "number: it may be lower or higher. What a group may use together counts besides. Minutes and "
                    "days are in UTC."
                ),
            },
        ),
    )

    @display(description=gettext_lazy("For"), ordering="target", header=True)
    def subject(self, row: RateLimit) -> list[Any]:
        return [str(row.user or row.group or row.key or row.get_target_display()), row.name]

    def trial_of(self, row: RateLimit) -> trials.Trial:
        return trials.of_rate_limit(rate_limit_facts(row), catalogue.snapshot_blocking().rate_limits)
