"""Secrets in forms of the administration: never shown, kept by an empty field or a mask, removed with a checkbox."""

import json
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from providers.admin._django_private import InstanceForm
from providers.fields import UNREADABLE, hint_of, is_unreadable
from providers.json_bodies import RefusedJSON, TypedJSON
from providers.secrets.pasted import checked
from providers.upstream.header_templates import check_headers, format_headers, masked, parse_headers, unmasked


class StoredKeyForm(InstanceForm):
    """Base of forms of rows with a key in the encrypted column `key_column`."""

    key_column: ClassVar[str] = "secret"
    key_label: ClassVar[Any] = gettext_lazy("API key")
    key_help: ClassVar[Any] = gettext_lazy("Stored encrypted and never shown again.")  # shown while no key is stored

    new_key = forms.CharField(
        required=False,
        max_length=5000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    remove_key = forms.BooleanField(
        label=gettext_lazy("Remove the stored key"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.stored_key
        if "new_key" in self.fields:
            field = self.fields["new_key"]
            field.label = self.key_label
            field.widget.attrs["placeholder"] = hint_of(stored)
            field.help_text = (
                _("The stored key cannot be decrypted any more. Enter it again.")
                if stored == UNREADABLE
                else _("A key is stored. Leave this empty to keep it; for another server it has to be entered again.")
                if stored
                else self.key_help
            )
        if not stored:
            self.fields.pop("remove_key", None)

    def column_of(self, field: str) -> str:
        """The column that a field of the form writes."""
        return self.key_column if field in ("new_key", "remove_key") else field

    @property
    def changed_columns(self) -> set[str]:
        return {self.column_of(field) for field in self.changed_data}

    @property
    def stored_key(self) -> str:
        key: str = getattr(self.instance, self.key_column)
        return key

    def clean_new_key(self) -> str:
        return checked(self.cleaned_data["new_key"])

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("new_key") and data.get("remove_key"):
            self.add_error("remove_key", _("Enter a new key or remove the stored one, not both."))
        return data

    def change_instance(self) -> None:
        data, row = self.cleaned_data, self.instance
        if data.get("new_key") or data.get("remove_key"):
            row.enter(self.key_column, data.get("new_key") or "")


class PlainTextField(forms.CharField):
    """Ids, headers or names of several lines, which may be empty and which no spell checker marks."""

    def __init__(self, *, rows: int, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
        super().__init__(widget=widget, required=False, **options)


class KeysField(PlainTextField):
    """Keys, one per line. Stored ones are shown as masks, and a mask keeps its key."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(name for name in value if name != UNREADABLE) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return list(value)
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def validate(self, value: Any) -> None:
        """Nothing more to check: the list may be empty."""

    def run_validators(self, value: Any) -> None:
        """Nothing more to check: the form compares masks with the stored keys."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != list(initial or ()))


def check_access(form: forms.BaseForm, *lists: str) -> None:
    """Require a group when access is for groups: without one, only administrators could use the row."""
    data = form.cleaned_data
    if data.get("access") != "groups" or not any(name in form.fields for name in lists):
        return
    if not any(data.get(name) for name in lists) and not any(name in form.errors for name in lists):
        words = _("Choose at least one group, or another rule for who may use it.")
        if "users" in lists:
            words = _("Choose at least one group or person, or another rule for who may use it.")
        form.add_error(lists[0], words)


HEADERS_HELP = gettext_lazy(
    "One “Name: value” per line, sent with every call. These replace the site's own headers. Values are "
    "stored encrypted and shown as masks, except those that consist of placeholders, such as “X-Team: "
    "{{USER_GROUPS}}”. A mask keeps the stored value. For another server, enter the values again. "
    "Placeholders are {{USER_ID}}, {{USER_NAME}}, {{USER_EMAIL}}, {{USER_ROLE}}, {{USER_GROUPS}}, "
    "{{CHAT_ID}}, {{MESSAGE_ID}} and {{MODEL_ID}}."
)


class HeadersField(PlainTextField):
    """A mapping, entered as one `Name: value` per line or as a JSON object. Stored values are shown as masks."""

    def prepare_value(self, value: Any) -> Any:
        return format_headers(masked(value)) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        text = str(value or "").strip()
        return _headers_in_json(text) if text.startswith("{") else parse_headers(text)

    def validate(self, value: Any) -> None:
        """Nothing more to check: `to_python` does."""

    def run_validators(self, value: Any) -> None:
        """Nothing more to check: `to_python` does."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(unmasked(self.to_python(data), initial or {})[0] != (initial or {}))
        except ValidationError:
            return True


def _headers_in_json(text: str) -> dict[str, str]:
    try:
        headers = json.loads(text, cls=TypedJSON)
    except RefusedJSON as error:
        raise ValidationError(error.msg, "json") from error
    except ValueError as error:
        raise ValidationError(_("This is not a JSON object."), "json") from error
    if not all(isinstance(value, str | int | float) for value in headers.values()):
        raise ValidationError(_("The value of every header must be text."), "json")
    headers = {name.strip(): str(value).strip() for name, value in headers.items()}
    check_headers(headers)
    return headers


class ServerForm(StoredKeyForm):
    """Base of forms of rows with a key and headers (`providers.models.ServerRow`)."""

    headers = HeadersField(label=gettext_lazy("Headers"), rows=3, help_text=HEADERS_HELP)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored_headers = dict(self.instance.headers)
        self._entered_headers: set[str] = set()
        if "headers" in self.fields and is_unreadable(self._stored_headers):
            self.initial["headers"] = {}
            self.fields["headers"].help_text = _("The stored headers cannot be decrypted any more. Enter them again.")

    def clean_headers(self) -> dict[str, str]:
        headers, self._entered_headers = unmasked(self.cleaned_data["headers"], self._stored_headers)
        return headers

    def change_instance(self) -> None:
        super().change_instance()
        if "headers" in self.cleaned_data:
            self.instance.enter("headers", self.cleaned_data["headers"], names=self._entered_headers)
