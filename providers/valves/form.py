"""A form made of the JSON schema with which a pipelines server describes the valves of a pipeline.

Source: docs/upstreams/pipelines.md, “Valves”
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

MAX_FIELDS = 200
MAX_TEXT = 20_000  # characters of a value
SECRET = re.compile(r"(?:key|token|secret|password|credential)s?$", re.IGNORECASE)
PREFIX = "valve_"


class ValvesForm(forms.Form):
    """One field for each property. A secret is not shown; left empty it stays."""

    def __init__(self, spec: Mapping[str, Any], values: Mapping[str, Any], data: Any = None) -> None:
        super().__init__(data)
        self.values = dict(values)
        described = spec.get("properties")
        properties = described if isinstance(described, dict) else {}
        self.kinds: dict[str, str] = {}
        for name, facts in list(properties.items())[:MAX_FIELDS]:
            rule = _resolved(facts, spec.get("$defs")) if isinstance(facts, dict) else {}
            kind = self.kinds[name] = _kind_of(rule, values.get(name))
            field = _field(kind, rule, name)
            field.label = str(rule.get("title") or name)[:200]
            field.help_text = str(rule.get("description") or "")[:1000]
            field.initial = "" if _is_secret(name, kind) else _shown(kind, values.get(name))
            self.fields[PREFIX + name] = field

    def chosen(self) -> dict[str, Any]:
        """All values to send: those of the form, and the present ones of what it does not have."""
        chosen = dict(self.values)
        for name, kind in self.kinds.items():
            value = self.cleaned_data[PREFIX + name]
            if not (_is_secret(name, kind) and value == ""):
                chosen[name] = _read(kind, value)
        return chosen


def _resolved(rule: Mapping[str, Any], definitions: Any) -> Mapping[str, Any]:
    """A description with what it refers to, such as the values of an enumeration."""
    options = rule.get("allOf")  # as earlier versions of pydantic write it
    reference = options[0] if isinstance(options, list) and len(options) == 1 else rule
    name = reference.get("$ref") if isinstance(reference, dict) else None
    if not isinstance(name, str) or not isinstance(definitions, dict):
        return rule
    definition = definitions.get(name.removeprefix("#/$defs/"))
    return {**definition, **rule} if isinstance(definition, dict) else rule


def _is_secret(name: str, kind: str) -> bool:
    return kind == "string" and SECRET.search(name) is not None


def _kind_of(rule: Mapping[str, Any], value: Any) -> str:
    """boolean, integer, number, string, texts, choice or json; by the value where several types are allowed."""
    if isinstance(rule.get("enum"), list) and all(isinstance(entry, str) for entry in rule["enum"]):
        return "choice"
    options = rule.get("anyOf")
    types = (
        [entry.get("type") for entry in options if isinstance(entry, dict)]
        if isinstance(options, list)
        else [rule.get("type")]
    )
    known = [entry for entry in types if entry in ("boolean", "integer", "number", "string", "array")]
    kind = known[0] if known and len({*types} - {"null"}) == 1 else "json"
    if kind == "array":
        items = rule.get("items") or next(
            (entry.get("items") for entry in options or () if isinstance(entry, dict)), None
        )
        plain = isinstance(items, dict) and items.get("type") == "string"
        return "texts" if plain and (value is None or isinstance(value, list)) else "json"
    return kind


def _field(kind: str, rule: Mapping[str, Any], name: str) -> forms.Field:
    match kind:
        case "boolean":
            return forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget())
        case "integer":
            return forms.IntegerField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}))
        case "number":
            return forms.FloatField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}))
        case "choice":
            choices = [(entry, entry) for entry in rule["enum"][:MAX_FIELDS]]
            return forms.ChoiceField(choices=choices, required=False, widget=UnfoldAdminSelectWidget())
        case "texts":
            return forms.CharField(
                required=False, max_length=MAX_TEXT, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
            )
        case "json":
            return forms.CharField(
                required=False,
                max_length=MAX_TEXT,
                validators=[_check_json],
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            )
    widget: Any = UnfoldAdminTextInputWidget()
    if _is_secret(name, kind):
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "placeholder": _("unchanged")})
    return forms.CharField(required=False, max_length=MAX_TEXT, strip=False, widget=widget)


def _check_json(text: str) -> None:
    try:
        orjson.loads(text)
    except ValueError as error:
        raise forms.ValidationError(_("Enter a JSON value.")) from error


def _shown(kind: str, value: Any) -> Any:
    if kind == "texts":
        return "\n".join(str(entry) for entry in value) if isinstance(value, list) else ""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if kind == "json" else value


def _read(kind: str, value: Any) -> Any:
    if kind == "texts":
        return [line.strip() for line in value.splitlines() if line.strip()]
    return (orjson.loads(value) if value.strip() else None) if kind == "json" else value
