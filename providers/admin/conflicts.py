"""Detects when two people edit the same row: the second save shows what the first one changed, and saves nothing.

A form contains a signed digest of each field as it was opened. When it is sent, and the row has other values by then,
nothing is saved. The form names the fields that another person changed, who it was and when. Fields that this person
did not change now show the stored values, so that the next save keeps them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.models import LogEntry
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from providers.admin import relations

FIELD = "_opened_with"  # the name of the form field with the digests
SALT = "admin.opened-with"
LONGEST = 200  # characters; longer values are cut in the list of changes


class GuardedAdmin:
    """Mixin for every admin class whose rows can be edited; in the bases it precedes `ModelAdmin`."""

    change_form_before_template = "admin/_opened_with.html"  # Unfold shows it at the top, inside the form

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)  # type: ignore[misc]
        if obj is None or request.method != "POST" or FIELD not in request.POST:
            return form_class
        opened = _read(request.POST[FIELD])
        return type(form_class.__name__, (_GuardedForm, form_class), {"opened": opened, "plain": form_class})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> TemplateResponse:
        if kwargs.get("obj") is not None:
            form = context["adminform"].form
            context["opened_with"] = _mark_of(request, form, form)
        response: TemplateResponse = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        return response

    def mark_of_form(self, form: forms.BaseForm) -> str:
        """The mark for a page about a row whose form shows what a server keeps: `form` is unbound."""
        return signing.dumps(_digests(as_sent(form)), salt=SALT)

    def has_conflict(
        self, request: HttpRequest, row: Any, form: forms.BaseForm, fresh: forms.BaseForm, message: str
    ) -> bool:
        """Whether somebody changed what such a form shows since it was opened; the valid form says so then, and has the
        values of `fresh` where this person changed none. `message` is that of the log of the row's changes.
        """
        if FIELD not in request.POST:
            return False
        opened = _read(request.POST[FIELD])
        log = _log_of(row).filter(change_message=message).first()
        head = _head_of(str(log.user), log.action_time) if log is not None else _head_of("", None)
        return _conflict(form, fresh, opened, head) is not None


def mark_old_version(request: HttpRequest, form: Any, stored: Any) -> str:
    """The mark for the page of an old version: `stored` is the form of the row as it is now, which a save replaces."""
    return _mark_of(request, form, stored)


def _mark_of(request: HttpRequest, shown: Any, stored: Any) -> str:
    present = getattr(shown, "present", None)
    if present is None and shown.is_bound:  # invalid for another reason: the digests of the first time stay
        return str(request.POST.get(FIELD, ""))
    return signing.dumps(_digests(present or as_sent(stored)), salt=SALT)


def mark_of_columns(row: Any, names: Iterable[str]) -> str:
    """The mark for a page with a form of its own, which writes these columns."""
    return signing.dumps(_column_digests(row, names), salt=SALT)


def words_of_change(row: Any, mark: str, names: Iterable[str]) -> str:
    """Who changed which of these columns since the page with this mark was opened; empty if nobody did.

    `row` is what is stored now. A page that sends no mark is a script's, which means what it sends.
    """
    opened = _read(mark) if mark else {}
    theirs = [name for name, digest in _column_digests(row, names).items() if opened.get(name, digest) != digest]
    if not theirs:
        return ""
    labels = ", ".join(str(row._meta.get_field(name).verbose_name) for name in theirs)
    words = _("Nothing was saved. The page shows what is stored now: %(names)s.")
    return f"{_head(row)} {words % {'names': labels}}"


def _column_digests(row: Any, names: Iterable[str]) -> dict[str, str]:
    return {name: _digest([json.dumps(getattr(row, name), sort_keys=True, default=str)]) for name in names}


class _GuardedForm(forms.ModelForm):  # type: ignore[type-arg]
    """The first base of the forms that `GuardedAdmin.get_form` makes."""

    opened: Mapping[str, str]
    plain: type[forms.ModelForm]  # type: ignore[type-arg]
    present: Mapping[str, list[str]] | None = None  # the stored values, once they are known to differ

    def clean(self) -> Any:
        cleaned = super().clean()
        # The lock lasts until the end of the request's transaction, so the row cannot change before the save.
        row = type(self.instance)._base_manager.select_for_update().filter(pk=self.instance.pk).first()
        if row is None:
            return cleaned  # an old version of a row that was deleted
        self.present = _conflict(self, self.plain(instance=row), self.opened, row)
        return cleaned


def _conflict(
    form: forms.BaseForm, fresh: forms.BaseForm, opened: Mapping[str, str], changed: Any
) -> Mapping[str, list[str]] | None:
    """The values of `fresh`, the unbound form of what is stored now, where they are not those that were opened; `form`
    says so then, and has them where nobody entered others. None without a conflict. `changed`: the row, or the words
    for who changed it.
    """
    present = as_sent(fresh)
    digests = _digests(present)
    theirs = [name for name in fresh.fields if name in opened and digests[name] != opened[name]]
    if not theirs:
        return None
    sent = {name: _sent(form, name) for name in fresh.fields}
    mine = {name for name in fresh.fields if _digest(sent[name]) != opened.get(name)}
    head = changed if isinstance(changed, str) else _head(changed)
    form.add_error(None, _words(head, fresh, theirs, sent, mine))
    form.data = _merged(form, fresh, keep=mine)
    return present


def as_sent(form: forms.BaseForm) -> dict[str, list[str]]:
    """The values that a browser sends for an unchanged form, by field."""
    untouched = QueryDict(mutable=True)
    for name, field in form.fields.items():
        _put(untouched, form, name, form.get_initial_for_field(field, name))
    return {name: _values(untouched, form, name) for name in form.fields}


def _sent(form: forms.BaseForm, name: str) -> list[str]:
    return _values(form.data, form, name)


def _put(data: QueryDict, form: forms.BaseForm, name: str, value: Any) -> None:
    field, key = form.fields[name], form.add_prefix(name)
    widget = _widget(field)
    value = field.prepare_value(value)
    if isinstance(widget, forms.MultiWidget):
        parts = widget.decompress(value) or ()
        for index, (part, inner) in enumerate(zip(parts, widget.widgets, strict=True)):
            shown = inner.format_value(part)
            data[f"{key}_{index}"] = "" if shown is None else str(shown)
    elif isinstance(widget, forms.CheckboxInput):
        data.setlist(key, ["on"] if value else [])
    elif _is_multiple(field):
        data.setlist(key, [str(item) for item in value or ()])
    else:
        shown = widget.format_value(value)
        shown = shown[0] if isinstance(shown, list | tuple) and shown else shown  # selects answer with a list
        data[key] = "" if shown in (None, [], ()) else str(shown)


def _widget(field: forms.Field) -> forms.Widget:
    """The widget of a field; for a relation, the one inside the administration's wrapper."""
    widget: forms.Widget = field.widget
    return getattr(widget, "widget", widget)


def _is_multiple(field: forms.Field) -> bool:
    return isinstance(field, forms.ModelMultipleChoiceField | forms.MultipleChoiceField)


def _values(data: Any, form: forms.BaseForm, name: str) -> list[str]:
    """The values of one field, with line ends as in the database; sorted where their order has no meaning."""
    field, key = form.fields[name], form.add_prefix(name)
    widget = _widget(field)
    parts = len(widget.widgets) if isinstance(widget, forms.MultiWidget) else 0
    keys = [f"{key}_{index}" for index in range(parts)] or [key]
    values = [value.replace("\r\n", "\n").strip() for key in keys for value in data.getlist(key)]
    if _is_multiple(field):
        return sorted(values)
    return [value for value in values if value] if len(keys) == 1 else values


def _merged(form: forms.BaseForm, fresh: forms.BaseForm, *, keep: set[str]) -> QueryDict:
    """The data of a form: the sent values of the fields `keep`, and the stored values of all others."""
    data: QueryDict = form.data.copy()  # type: ignore[attr-defined]
    for name in fresh.fields:
        if name not in keep:
            _put(data, fresh, name, fresh.get_initial_for_field(fresh.fields[name], name))
    return data


def _digest(values: list[str]) -> str:
    return hashlib.sha256("\0".join(values).encode()).hexdigest()[:16]


def _digests(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: _digest(of_field) for name, of_field in values.items()}


def _read(text: str) -> Mapping[str, str]:
    try:
        opened: Mapping[str, str] = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        return {}
    return opened


def _words(head: str, form: forms.BaseForm, theirs: list[str], sent: Mapping[str, list[str]], mine: set[str]) -> str:
    """The message: who changed the row and when; for each field the stored value, and the value that was entered."""
    lines = []
    for name in theirs:
        bound = form[name]
        words = _("now “%(now)s”") % {"now": _shown(form, name, as_sent(form)[name])}
        if name in mine:
            words += ", " + _("yours “%(mine)s”") % {"mine": _shown(form, name, sent[name])}
        lines.append((bound.label, words))
    return format_html(
        '{} {}<ul class="conflict">{}</ul>',
        head,
        _("Nothing was saved yet. Look at the fields below, then save again."),
        format_html_join("", "<li><b>{}</b>: {}</li>", lines),
    )


def _head(row: Any) -> str:
    return _head_of(*_last_change(row))


def _head_of(who: str, when: datetime | None) -> str:
    if not who or when is None:
        return _("Somebody changed this while you were editing it.")
    moment = date_format(localtime(when), "DATETIME_FORMAT")
    return _("%(person)s changed this on %(when)s, while you were editing it.") % {"person": who, "when": moment}


def _shown(form: forms.BaseForm, name: str, values: list[str]) -> str:
    """Values as text for people: the labels of choices, “yes” or “no” for a box."""
    field = form.fields[name]
    if isinstance(_widget(field), forms.CheckboxInput):
        return _("yes") if values else _("no")
    if isinstance(field, forms.ModelChoiceField):
        rows = field.queryset.filter(pk__in=relations.possible(field.queryset.model, values))  # type: ignore[union-attr]
        return ", ".join(str(row) for row in rows) or "–"
    words = dict(_flat(getattr(field, "choices", ())))
    text = ", ".join(str(words.get(value, value)) for value in values if value)
    return (text[:LONGEST] + "…" if len(text) > LONGEST else text) or "–"


def _flat(choices: Any) -> list[tuple[str, Any]]:
    return [(str(value), label) for value, label in choices if not isinstance(label, list | tuple)]


def _log_of(row: Any) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(object_id=str(row.pk), content_type__model=row._meta.model_name)


def _last_change(row: Any) -> tuple[str, datetime | None]:
    """The person and time of the row's last change; empty and None if unknown."""
    history = getattr(row, "history", None)
    entry = history.first() if history is not None else None
    if entry is not None:
        person, when = entry.history_user, entry.history_date
    else:
        log = _log_of(row).first()
        if log is None:
            return "", None
        person, when = log.user, log.action_time
    return (str(person) if person else _("The site")), when
