"""A stored key in an administrator's form: never shown, kept by an empty field, removed by a box."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanWidget

from providers.admin._django_private import InstanceForm
from providers.fields import UNREADABLE, hint_of


class StoredKeyForm(InstanceForm):
    """Base of the forms of rows with a key in the encrypted column `key_column`."""

    key_column: ClassVar[str] = "secret"
    key_label: ClassVar[Any] = gettext_lazy("API key")
    key_help: ClassVar[Any] = gettext_lazy("Kept encrypted and never shown again.")  # while none is stored

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
                else _("A key is stored. Leave this empty to keep it.")
                if stored
                else self.key_help
            )
        if not stored:
            self.fields.pop("remove_key", None)

    def column_of(self, field: str) -> str:
        """The column of the row that a field of the form writes."""
        return self.key_column if field in ("new_key", "remove_key") else field

    @property
    def changed_columns(self) -> set[str]:
        return {self.column_of(field) for field in self.changed_data}

    @property
    def stored_key(self) -> str:
        key: str = getattr(self.instance, self.key_column)
        return key

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("new_key") and data.get("remove_key"):
            self.add_error("remove_key", _("Either a new key or none: not both."))
        return data

    def change_instance(self) -> None:
        data, row = self.cleaned_data, self.instance
        if data.get("new_key") or data.get("remove_key"):
            setattr(row, self.key_column, data.get("new_key") or "")
            # The history keeps no keys; it keeps that somebody changed one.
            row._change_reason = _("API key removed") if data.get("remove_key") else _("API key changed")
