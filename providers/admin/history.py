"""Change history in Unfold's look: who changed what, old and new, in words that people read."""

from typing import Any

from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper
from unfold.admin import ModelAdmin


class _Helper(HistoricalRecordContextHelper):  # type: ignore[misc]
    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        """Of headers, the names: their values may be credentials. Lists and mappings as text."""
        if change.field == "headers" and isinstance(value, dict):
            return ", ".join(value) or "–"
        if isinstance(value, list) and not self.model._meta.get_field(change.field).many_to_many:
            return ", ".join(str(item.get("name", item) if isinstance(item, dict) else item) for item in value) or "–"
        return super().prepare_delta_change_value(change, value)


class HistoryAdmin(SimpleHistoryAdmin, ModelAdmin):  # type: ignore[misc]
    """Base of the lists whose rows keep their history."""

    def get_historical_record_context_helper(self, request: HttpRequest, historical_record: Any) -> _Helper:
        return _Helper(self.model, historical_record)
