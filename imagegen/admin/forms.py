"""Forms of the admin: an engine with the fields of its kind and a write-only key, picture settings, a workflow."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from imagegen import config, rows, workflow
from imagegen.engines import ENGINES
from imagegen.engines.base import EngineField
from imagegen.models import ImageEngine, ImageSettings
from providers.admin.key_form import PlainTextField, ServerForm, check_access
from providers.errors import GatewayError
from providers.json_bodies import TypedJSONField

OPTION = "option_"  # prefix of the form's fields for members of `options`
# Columns that not every kind declares.
DECLARED = ("url", "secret", "version", "method", "model", "size", "steps", "params", "workflow", "nodes")


class IndentedField(TypedJSONField):
    """JSON, indented for editing."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict | list):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        return value


def kinds_with(name: str) -> list[str]:
    """The engine kinds that declare this field."""
    return [kind for kind, engine in ENGINES.items() if any(field.name == name for field in engine.fields)]


def option_fields() -> dict[str, forms.Field]:
    """A form field for each member of `options` that a kind declares; kinds with the same member share the field."""
    fields: dict[str, forms.Field] = {}
    for engine in ENGINES.values():
        for declared in engine.fields:
            if declared.option:
                fields.setdefault(OPTION + declared.name, _option_field(declared))
    return fields


def _option_field(declared: EngineField) -> forms.Field:
    common: dict[str, Any] = {"label": declared.label, "help_text": declared.help, "required": False}
    if declared.kind == "choice":
        return forms.ChoiceField(choices=declared.choices, widget=UnfoldAdminSelectWidget, **common)
    if declared.kind == "number":
        return forms.IntegerField(widget=UnfoldAdminTextInputWidget, min_value=0, **common)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, max_length=1000, **common)


class ImageEngineForm(ServerForm):
    key_label = gettext_lazy("Key")
    key_help = gettext_lazy("Kept encrypted and never shown again. AUTOMATIC1111: user:password.")

    params = IndentedField(
        label=gettext_lazy("Parameters"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy('Sent with every picture; they override a request, for example {"quality": "high"}.'),
    )
    capabilities = IndentedField(
        label=gettext_lazy("Abilities"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=gettext_lazy('Corrects the built-in table for your model: {"mask": true, "max_inputs": 4}.'),
    )

    class Meta:
        model = ImageEngine
        fields = (
            "name", "kind", "purpose", "enabled", "position", "connection", "url", "version", "method", "model", "size",
            "steps", "params", "capabilities", "headers", "verify_tls", "ca_file", "timeout", "concurrency", "access",
            "groups",
        )  # fmt: skip
        help_texts = {  # noqa: RUF012  Django's own way to say it
            "name": gettext_lazy("What people choose by: “Studio”, “Fast drafts”."),
            "purpose": gettext_lazy("What people may use this engine for."),
            "connection": gettext_lazy("Uses the address and key of this connection instead of its own."),
            "url": gettext_lazy(
                "https://api.openai.com/v1, http://comfyui:8188, http://sd:7860 … A user name and password in it "
                "become a header, which is kept encrypted."
            ),
            "version": gettext_lazy("Azure’s api-version; empty elsewhere."),
            "method": gettext_lazy("Gemini: predict or generateContent; empty chooses by model."),
            "model": gettext_lazy("Used when a request names none. Empty: the default of the engine."),
            "timeout": gettext_lazy("A picture that takes longer fails."),
            "concurrency": gettext_lazy("Further requests wait in a queue that people can see."),
            "position": gettext_lazy("The lowest is offered first."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: ImageEngine = self.instance
        for name in [name for name in self.fields if name.startswith(OPTION)]:
            self.fields[name].initial = row.options.get(name.removeprefix(OPTION), "")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        for name, read in (("url", config.address), ("size", config.size), ("method", config.method)):
            if name in data:
                try:
                    data[name] = read(name, data[name])
                except GatewayError as error:
                    self.add_error(name, error.message)
        if "url" not in self.errors and not self._has_address(data) and ("url" in self.fields or data.get("enabled")):
            words = _("Enter an address, or choose a connection: otherwise this engine draws nowhere.")
            self.add_error("url" if "url" in self.fields else None, words)
        check_access(self, "groups")
        for name in ("params", "capabilities"):
            if name in data:
                data[name] = data[name] or {}
                if not isinstance(data[name], dict):
                    self.add_error(name, _("This must be a JSON object."))
        if data.get("size") and not {"size", "capabilities"} & set(self.errors):
            self._check_size(data)
        return data

    def _check_size(self, data: dict[str, Any]) -> None:
        members = {
            name: data[name] if name in data else getattr(self.instance, name)
            for name in ("kind", "url", "model", "size", "capabilities")
        }
        try:
            rows.check_size(ImageEngine(**members))
        except GatewayError as error:
            self.add_error("size", error.message)

    def _has_address(self, data: dict[str, Any]) -> bool:
        """Whether the row has a destination once it is saved. What the form lacks stays as stored, not as shown: the
        form of an old version shows that version's.
        """
        stored = ImageEngine.objects.filter(pk=self.instance.pk).first() or self.instance
        names = ("kind", "url", "connection")
        values = {name: data.get(name) if name in self.fields else getattr(stored, name) for name in names}
        return ImageEngine(**{**values, "kind": values["kind"] or stored.kind, "url": values["url"] or ""}).has_address

    def save(self, commit: bool = True) -> Any:
        row: ImageEngine = self.instance
        fields = ENGINES[row.kind].fields if row.kind in ENGINES else ()
        declared = {field.name for field in fields if field.option}
        entered = {
            name.removeprefix(OPTION): value
            for name, value in self.cleaned_data.items()
            if name.startswith(OPTION) and value not in ("", None)
        }
        row.options = {name: value for name, value in entered.items() if name in declared}
        return super().save(commit)


# Django's admin looks for fields on the class.
for _name, _field in option_fields().items():
    ImageEngineForm.base_fields[_name] = ImageEngineForm.declared_fields[_name] = _field


class ImageSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ImageSettings
        fields = (
            "enabled", "edit_enabled", "engine", "edit_engine", "after_picture", "per_user", "groups",
            "prompt_generation", "prompt_template", "ask_above_cost", "ask_above_pictures",
            "fail_over",
        )  # fmt: skip
        help_texts = {  # noqa: RUF012
            "enabled": gettext_lazy("Switches the pictures page, the API and pictures in chats on or off."),
            "engine": gettext_lazy("Used when a request names none."),
            "groups": gettext_lazy("Empty: everybody. Otherwise members of these groups and administrators."),
            "ask_above_cost": gettext_lazy(
                "In US dollars, for example 0.50: pages ask once before they draw what costs more. Empty: never."
            ),
            "ask_above_pictures": gettext_lazy(
                "Pages ask once before they draw more pictures at a time. Empty: never."
            ),
            "fail_over": gettext_lazy(
                "The next engine that its person may use and that can draw the same. It may belong to another provider."
            ),
            "prompt_template": gettext_lazy(
                "Empty: the built-in one. {{MESSAGES:END:6}}, {{prompt}}, {{CURRENT_DATE}} and {{USER_NAME}} are "
                "replaced."
            ),
        }


class WorkflowForm(forms.Form):
    """A graph in ComfyUI's API format, as text or as a file."""

    text = PlainTextField(
        label=gettext_lazy("Workflow"),
        rows=14,
        help_text=gettext_lazy("In ComfyUI: Workflow, Export (API). Paste the file’s text here, or choose the file."),
    )
    file = forms.FileField(label=gettext_lazy("File"), required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        source = data["file"].read() if data.get("file") else data.get("text", "")
        if not source:
            raise ValidationError(_("Paste a workflow or choose a file."))
        try:
            data["graph"] = workflow.parse(source)
        except GatewayError as error:
            self.add_error("text", error.message)
        return data
