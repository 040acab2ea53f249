"""The list of usage records, read only."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    AllValuesCheckboxFilter,
    FieldTextFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from providers.admin.base import AdminPages, Label
from providers.admin.filters import ConditionFilter, RowFilter
from providers.models import UsageRecord
from providers.relay import usage


class OutcomeFilter(ConditionFilter):
    title = gettext_lazy("outcome")
    parameter_name = "outcome"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        disconnected = Q(status=usage.CLIENT_LEFT)
        return {
            "ok": (_("answered"), Q(status__lt=400)),
            "left": (_("the client disconnected"), disconnected),
            "failed": (_("failed"), Q(status__gte=400) & ~disconnected),
        }


@admin.register(UsageRecord)
class UsageRecordAdmin(AdminPages, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "when",
        "user",
        "kind",
        "model",
        "connection",
        "outcome",
        "tokens",
        "spent",
        "first_byte",
        "duration",
    )
    list_filter = (
        ("when", RangeDateTimeFilter),
        OutcomeFilter,
        ("kind", AllValuesCheckboxFilter),
        ("model", FieldTextFilter),
        ("user", RowFilter),
        ("connection", RelatedDropdownFilter),
    )
    list_filter_submit = True
    list_select_related = ("user", "connection", "key")
    search_fields = ("model", "user__email")
    ordering = ("-when",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(
        description=gettext_lazy("Outcome"),
        ordering="status",
        label={"ok": "success", "left": "warning", "failed": "danger"},
    )
    def outcome(self, row: UsageRecord) -> Label:
        if row.status == usage.CLIENT_LEFT:
            return Label("left", _("the client disconnected"))
        return Label("ok" if row.status < 400 else "failed", row.status)

    @display(description=gettext_lazy("Tokens in / out"), ordering="tokens_out")
    def tokens(self, row: UsageRecord) -> str:
        return f"{row.tokens_in} / {row.tokens_out}"

    @display(description=gettext_lazy("Cost in dollars"), ordering="cost")
    def spent(self, row: UsageRecord) -> str:
        return "–" if row.cost is None else f"{row.cost.normalize():f}"

    @display(description=gettext_lazy("First byte"), ordering="first_byte_ms")
    def first_byte(self, row: UsageRecord) -> str:
        return "–" if row.first_byte_ms is None else f"{row.first_byte_ms} ms"

    @display(description=gettext_lazy("Duration"), ordering="duration_ms")
    def duration(self, row: UsageRecord) -> str:
        return f"{row.duration_ms} ms"
