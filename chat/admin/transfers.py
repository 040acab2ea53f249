"""Imports, exports and deletions of people's data: whose, how large, how they stand, and why one failed."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from chat.admin.chats import ReadOnlyAdmin
from chat.models import Transfer
from providers import stored_errors
from providers.admin.base import EMPTY, Label

LABELS = {
    "queued": "info",
    "running": "info",
    "ready": "warning",
    "done": "success",
    "failed": "danger",
    "cancelled": "warning",
}


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    """Deleting a row removes its file, and ends its work; what that brought in or deleted stays so."""

    list_display = ("created", "kind", "shown_state", "user", "shown_size", "failure", "ended")
    list_filter = ("kind", "state", "created")
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("=id", "user__email", "user__name")
    search_help_text = _("Person")
    ordering = ("-created",)
    fieldsets = (
        (None, {"fields": ("kind", "shown_state", "failure", "user", "name", "shown_size")}),
        (_("Times"), {"fields": ("created", "ended", "expires_at")}),
    )
    readonly_fields = ("shown_state", "failure", "shown_size")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        return super().get_queryset(request).defer("report")  # type: ignore[no-any-return]

    @display(description=_("status"), ordering="state", label=LABELS)
    def shown_state(self, row: Transfer) -> Label:
        share = row.progress.get("share") if row.state == Transfer.TransferState.RUNNING else None
        words = str(row.get_state_display())
        return Label(row.state, f"{words} · {share:.0%}" if isinstance(share, float) else words)

    @display(description=_("size"), ordering="size")
    def shown_size(self, row: Transfer) -> str:
        return str(filesizeformat(row.size)) if row.size else EMPTY

    @display(description=_("error"))
    def failure(self, row: Transfer) -> str:
        return stored_errors.cause(row.error, EMPTY)
