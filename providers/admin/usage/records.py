"""The list of usage records, read only."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    AllValuesCheckboxFilter,
    FieldTextFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import action, display

from providers import catalogue
from providers.admin.base import EMPTY, AdminPages, Label
from providers.admin.filters import ConditionFilter, RowFilter
from providers.admin.usage.explain import may_explain
from providers.admin.usage.totals_page import FILE, PAGE, TotalsFile, TotalsView
from providers.facts import GatewayFacts
from providers.models import UsageRecord
from providers.pricing import money
from providers.relay import usage
from providers.relay.usage import receipts

LEFT = ("key_name", "connection_name")  # of deleted rows


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
    readonly_fields = ("spent",)
    actions_list = ("show_totals",)
    gateway = GatewayFacts()  # with the currency; each page has its own
    actions_detail = ("explain_record",)

    def has_explain_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may_explain(request)

    @action(
        description=gettext_lazy("Why did this go there?"),
        permissions=["explain"],
        icon="route",
        url_path="explain-record",
    )
    def explain_record(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page with what is known of the call: its body is not."""
        row = self.get_object(request, object_id)
        return redirect(receipts.explained_as(row) if row is not None else receipts.explain_page())

    def get_custom_urls(self) -> Any:
        return (
            ("totals/", PAGE, TotalsView.as_view(model_admin=self)),
            ("totals/csv/", FILE, TotalsFile.as_view(model_admin=self)),
        )

    @action(description=gettext_lazy("Usage totals"), permissions=["view"], icon="bar_chart", url_path="all-totals")
    def show_totals(self, request: HttpRequest) -> HttpResponse:
        return redirect(f"admin:{PAGE}")

    def for_page(self, request: HttpRequest) -> Any:
        page = super().for_page(request)
        page.gateway = catalogue.snapshot_blocking().gateway
        return page

    def get_fields(self, request: HttpRequest, obj: UsageRecord | None = None) -> list[str]:
        """All columns, the cost in the currency to show, and names of deleted rows where there are any."""
        names = [field.name for field in UsageRecord._meta.fields if field.editable and not field.primary_key]
        shown = [name for name in names if name not in LEFT or (obj is not None and getattr(obj, name))]
        return ["spent" if name == "cost" else name for name in shown]

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

    @display(description=gettext_lazy("Cost"), ordering="cost")
    def spent(self, row: UsageRecord) -> str:
        unknown = _("unknown") if row.status < 400 else EMPTY
        return money.in_words(row.cost, self.gateway, unknown)

    @display(description=gettext_lazy("First byte"), ordering="first_byte_ms")
    def first_byte(self, row: UsageRecord) -> str:
        return "–" if row.first_byte_ms is None else f"{row.first_byte_ms} ms"

    @display(description=gettext_lazy("Duration"), ordering="duration_ms")
    def duration(self, row: UsageRecord) -> str:
        return f"{row.duration_ms} ms"
