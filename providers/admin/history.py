"""The history of rows: who changed which field, with old and new values."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.http import Http404, HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from simple_history.admin import SimpleHistoryAdmin
from simple_history.models import DeletedObject
from simple_history.template_utils import HistoricalRecordContextHelper
from unfold.admin import ModelAdmin

from providers.admin import relations
from providers.admin.base import EMPTY, AdminPages, said_of
from providers.admin.conflicts import GuardedAdmin, mark_old_version
from providers.secrets.rows import dropped_words


class _Helper(HistoricalRecordContextHelper):  # type: ignore[misc]
    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        """A value in words: of a choice its label, of a switch yes or no, of nothing a dash."""
        field = self.model._meta.get_field(change.field)
        if isinstance(value, DeletedObject):
            value = str(value) if value.pk is not None else None
        if field.many_to_many:
            return ", ".join(sorted(str(row) for row in super().prepare_delta_change_value(change, value))) or EMPTY
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, datetime):
            return date_format(localtime(value), "DATETIME_FORMAT")
        if isinstance(value, str) and (words := dict(field.flatchoices).get(value)):  # type: ignore[union-attr]
            return str(words)
        text = said_of(value) if value is None or isinstance(value, str | list | dict) else str(value)
        return json.dumps(value, ensure_ascii=False) if text is None else text


class _OldVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of an old version. Many-to-many fields show that version's relations, without rows deleted since."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        record = self.instance._history
        for relation in self.instance._meta.many_to_many:
            if relation.name in self.fields and hasattr(record, relation.name):
                column = f"{relation.m2m_reverse_field_name()}_id"
                self.initial[relation.name] = list(getattr(record, relation.name).values_list(column, flat=True))


class _HeldForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that says at each field which variable writes it at every start."""

    held: Mapping[str, str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        column_of = getattr(self, "column_of", lambda name: name)
        for name, field in self.fields.items():
            if variable := self.held.get(column_of(name)):
                words = _("The environment holds this: at every start it is what %(name)s says.") % {"name": variable}
                field.help_text = f"{words} {field.help_text}" if field.help_text else words


class HistoryAdmin(GuardedAdmin, AdminPages, SimpleHistoryAdmin, ModelAdmin):  # type: ignore[misc]
    """Base of the lists whose rows keep their history. Relations are part of a version: one save is one version."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and (held := self.variables_of(obj)):
            form_class = type(form_class.__name__, (_HeldForm, form_class), {"held": held})
        if not hasattr(obj, "_history"):
            return form_class
        return type(form_class.__name__, (_OldVersionForm, form_class), {})

    def variables_of(self, row: Any) -> Mapping[str, str]:
        """The columns that the environment writes at every start, with the variable of each."""
        return {}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        last = obj.history.first() if change else None
        obj.version_before = last.pk if last else 0
        super().save_model(request, obj, form, change)
        if dropped := getattr(obj, "lost_secrets", ()):
            self.message_user(request, dropped_words(dropped), messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        _make_one_version(form.instance)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        _require(self.model, object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> Any:
        _require(self.model, object_id)
        _require(self.model.history.model, version_id)
        with transaction.atomic():
            return super().history_form_view(request, object_id, version_id, extra_context)

    def render_history_view(self, request: HttpRequest, template: str, context: Any, **kwargs: Any) -> Any:
        """The page of an old version too says what its save would replace: the row as it is now."""
        row = self.model._base_manager.filter(pk=context["object_id"]).first() if "adminform" in context else None
        if row is not None:
            stored = self.get_form(request, row)(instance=row)
            context["opened_with"] = mark_old_version(request, context["adminform"].form, stored)
            context["opts"] = self.opts  # not the versions' own, which have no pages: its links would lead nowhere
        return super().render_history_view(request, template, context, **kwargs)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Called at the end of both ways to save a row: its form, and the page of an old version."""
        _make_one_version(obj)
        return super().log_change(request, obj, message)

    def get_historical_record_context_helper(self, request: HttpRequest, historical_record: Any) -> _Helper:
        return _Helper(self.model, historical_record)


def _require(model: Any, key: str) -> None:
    """Raise Http404 for what cannot be a key of a row: a query with it would be a fault."""
    if not relations.possible(model, [unquote(key)]):
        raise Http404


def _make_one_version(row: Any) -> None:
    """Keep only the last version since `save_model` began: a row and each of its relations are saved one by one."""
    before = getattr(row, "version_before", None)
    if before is None:
        return
    versions = list(row.history.filter(pk__gt=before).order_by("pk"))
    if len(versions) > 1:
        first, last = versions[0], versions[-1]
        last.history_type = first.history_type
        last.history_change_reason = first.history_change_reason
        last.save(update_fields=["history_type", "history_change_reason"])
        row.history.filter(pk__in=[version.pk for version in versions[:-1]]).delete()
