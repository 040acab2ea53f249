"""Keys of rows as somebody sends them: of relations in forms, and of the rows of an action.

What cannot be a key is refused before there is a query with it: Django's widgets raise ValueError for a word, and
SQLite OverflowError for a number beyond 64 bits.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.db.models import Model


def possible(model: type[Model], keys: Iterable[Any]) -> list[Any]:
    """Those of the keys that a row of this model could have."""
    return [key for key in keys if _is_possible(model, key)]


def _is_possible(model: type[Model], key: Any) -> bool:
    if key is None:
        return False
    try:
        model._meta.pk.clean(key, None)
    except ValidationError:
        return False
    return True


def row_of(model: type[Model], key: Any) -> Any:
    """The row with this key; None without one."""
    return model._base_manager.filter(pk__in=possible(model, [key])).first()


class RowsField(forms.ModelMultipleChoiceField):
    """Rows that are chosen by their keys."""

    def clean(self, value: Any) -> Any:
        rows: Any = self.queryset
        for key in value if isinstance(value, list | tuple) else ():
            if not _is_possible(rows.model, key):
                words = self.error_messages["invalid_pk_value"]
                raise ValidationError(words, code="invalid_pk_value", params={"pk": key})
        return super().clean(value)


class RowField(forms.ModelChoiceField):
    """A row that is chosen by its key."""

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        if not _is_possible(self.queryset.model, value):  # type: ignore[union-attr]
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice", params={"value": value})
        return super().to_python(value)


class _Known:
    """Mixin of widgets that look the chosen rows up: it leaves out what cannot be a key."""

    field: Any

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, possible(self.field.remote_field.model, value), attr)  # type: ignore[misc]


class RowSelect(_Known, AutocompleteSelect):
    """One row, found by typing."""


class RowsSelect(_Known, AutocompleteSelectMultiple):
    """Several rows, found by typing."""
