"""List filters, and the condition under which a form shows a field."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from providers.admin.relations import RowSelect


class ConditionFilter(admin.SimpleListFilter):
    """Base of these filters. Subclasses have `title`, `parameter_name` and `conditions`."""

    def conditions(self) -> Mapping[str, tuple[Any, Q]]:
        """The value in the address → (label, condition of the rows)."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, (label, _rows) in self.conditions().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.conditions().get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


class _RowForm(AutocompleteDropdownForm):  # type: ignore[misc]
    widget = RowSelect


class RowFilter(AutocompleteSelectFilter):  # type: ignore[misc]
    """The rows that belong to one row, which is found by typing."""

    form_class = _RowForm


def among(field: str, values: Sequence[str]) -> str:
    """The expression that shows a conditional field while `field` has one of these values.

    If `field` is read-only, the page's script does not know it; the conditional field is then always shown.
    """
    texts = [str(value) for value in values]  # without the names of an enumeration
    return f"typeof {field} === 'undefined' || {texts!r}.includes({field})"
