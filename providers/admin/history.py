"""Change history in Unfold's look: who changed what, old and new, in words that people read."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper
from unfold.admin import ModelAdmin

from providers.admin.conflicts import GuardedAdmin
from providers.secrets.rows import dropped_words


class _Helper(HistoricalRecordContextHelper):  # type: ignore[misc]
    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        """Lists as text."""
        if isinstance(value, list) and not self.model._meta.get_field(change.field).many_to_many:
            return ", ".join(str(item.get("name", item) if isinstance(item, dict) else item) for item in value) or "–"
        return super().prepare_delta_change_value(change, value)


class HistoryAdmin(GuardedAdmin, SimpleHistoryAdmin, ModelAdmin):  # type: ignore[misc]
    """Base of the lists whose rows keep their history."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if dropped := getattr(obj, "dropped", ()):
            self.message_user(request, dropped_words(dropped), messages.WARNING)

    def get_historical_record_context_helper(self, request: HttpRequest, historical_record: Any) -> _Helper:
        return _Helper(self.model, historical_record)
