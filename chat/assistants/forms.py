"""The form of an assistant. What it says is checked by `AssistantValues`, as what programs send."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from chat import audience, rules
from chat import tools as chat_tools
from chat.assistants import services, values
from chat.models import Assistant
from chat.serializers import MAX_FILES
from providers.catalogue import defaults
from providers.facts import Caller

LABELS = {
    audience.PRIVATE: _("Only me"),
    audience.GROUPS: _("Groups of mine"),
    audience.PUBLIC: _("Everyone who can sign in"),
}
EMPTY = ("", _("As the model does"))


class UploadsInput(forms.ClearableFileInput):
    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.getlist(name) if isinstance(files, MultiValueDict) else files.get(name)


class UploadsField(forms.FileField):
    """Several files; the value is a list of them."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [super(UploadsField, self).clean(file, initial) for file in data or ()]


class AssistantForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=values.MAX_NAME)
    description = forms.CharField(
        label=_("Description"),
        max_length=values.MAX_DESCRIPTION,
        required=False,
        help_text=_("What it is for, in a sentence. People see it where they choose a model."),
    )
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/*"}),
        help_text=_("Up to 5 MB."),
    )
    remove_picture = forms.BooleanField(label=_("Remove the picture"), required=False)
    base = forms.ChoiceField(label=_("Model"), help_text=_("People need access to it: an assistant opens no model."))
    system_prompt = forms.CharField(
        label=_("System prompt"),
        max_length=rules.MAX_PROMPT,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    temperature = forms.CharField(
        label=_("Temperature"),
        required=False,
        widget=forms.NumberInput(
            attrs={"min": 0, "max": rules.MAX_HEAT, "step": "any", "placeholder": _("As the model does")}
        ),
    )
    max_tokens = forms.CharField(
        label=_("Longest answer"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 1, "max": rules.MAX_TOKENS, "placeholder": _("As the model does")}),
        help_text=_("In tokens, thoughts included."),
    )
    reasoning_effort = forms.ChoiceField(label=_("Thinking"), required=False, choices=[EMPTY, *rules.EFFORTS.items()])
    tools = forms.MultipleChoiceField(
        label=_("Tools that it may use"), required=False, widget=forms.CheckboxSelectMultiple
    )
    starters = forms.CharField(
        label=_("Starters"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("First messages, one a line, at most six. They stand on the page of a new chat."),
    )
    attached = forms.MultipleChoiceField(
        label=_("Files that always go along"), required=False, widget=forms.CheckboxSelectMultiple
    )
    uploads = UploadsField(
        label=_("Add files"),
        required=False,
        widget=UploadsInput(attrs={"multiple": True}),
        help_text=_("Whoever uses the assistant may read them. Its model gets as much of them as fits."),
    )
    access = forms.ChoiceField(label=_("Who may use it"), widget=forms.RadioSelect)
    groups = forms.TypedMultipleChoiceField(
        label=_("Groups"), required=False, coerce=int, widget=forms.CheckboxSelectMultiple
    )
    id = forms.CharField(
        label=_("Id for programs"),
        required=False,
        max_length=60,
        help_text=_("“assistants/” is added. Empty: made from the name. It cannot be changed afterwards."),
    )

    def __init__(self, caller: Caller, user: Any, row: Assistant | None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.row, self.caller, self.user = row, caller, user
        self.offered = [tool.name for tool in chat_tools.offered_to(caller)]
        self._choose("base", self._bases())
        self._choose("tools", [(tool.name, tool.title or tool.name) for tool in chat_tools.offered_to(caller)])
        self._choose("access", [(access, LABELS[access]) for access in self._audiences()])
        self._choose("groups", list(self._groups().items()))
        attached = [] if row is None else [(str(file.pk), file.name) for file in row.file_rows.all()]
        self._choose("attached", attached)
        for name, is_shown in {
            "tools": bool(self.offered),
            "attached": bool(attached),
            "access": len(self._audiences()) > 1,
            "groups": audience.GROUPS in self._audiences() and bool(self._groups()),
            "remove_picture": row is not None and bool(row.picture_digest),
            "id": row is None,
        }.items():
            if not is_shown:
                del self.fields[name]

    def _choose(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def _bases(self) -> list[tuple[str, str]]:
        routes = services.bases_for(self.caller)
        names = {route.public_id: route.name or route.public_id for route in routes}
        present = self.row.model.base.public_id if self.row is not None and self.row.model.base is not None else None
        if present is not None and present not in names:
            names[present] = f"{present} ({_('not available now')})"
        return sorted(names.items(), key=lambda entry: defaults.natural(entry[1]))

    def _audiences(self) -> list[str]:
        allowed = audience.may_share(self.user)
        present = self.row.model.access if self.row is not None else audience.PRIVATE
        offered = [access for access in LABELS if access in (*allowed, present)]
        return [access for access in offered if access != audience.GROUPS or self._groups()]

    def _groups(self) -> dict[int, str]:
        attached = {} if self.row is None else {group.pk: group.name for group in self.row.model.groups.all()}
        return {**attached, **audience.groups_of(self.user)}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if len(data.get("uploads") or ()) + len(data.get("attached") or ()) > MAX_FILES:
            self.add_error("uploads", _("At most %(n)s files can go along.") % {"n": MAX_FILES})
        checked = values.AssistantValues(data=self._given(data), partial=True)
        if not checked.is_valid():
            for name, problems in checked.errors.items():
                self.add_error(name if name in self.fields else None, _first(problems))
        else:
            data["values"] = checked.validated_data
        return data

    def _given(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The values as a program would send them; files are for the view to store."""
        names = ("name", "description", "base", "system_prompt", "access", "groups")
        given = {name: data[name] for name in names if name in data}
        given |= {name: data.get(name) or None for name in rules.PARAMS}
        given["starters"] = [line.strip() for line in data.get("starters", "").splitlines() if line.strip()]
        if "tools" in self.fields:
            given["tools"] = self._tools(data.get("tools") or [])
        if data.get("id"):
            given["id"] = data["id"]
        return given

    def _tools(self, chosen: list[str]) -> list[str] | None:
        """None while all that are offered are chosen; those that are not offered to this person stay as they are."""
        before = self.row.tools if self.row is not None else None
        unseen = [name for name in before or () if name not in self.offered]
        is_all = len(chosen) == len(self.offered)
        return None if is_all and not unseen and before is None else [*chosen, *unseen]


def initial_of(row: Assistant) -> dict[str, Any]:
    model = row.model
    return {
        "name": model.name,
        "description": model.description,
        "base": model.base.public_id if model.base is not None else "",
        "system_prompt": model.system_prompt,
        **{name: model.params.get(name, "") for name in rules.PARAMS},
        "starters": "\n".join(row.starters),
        "tools": row.tools,
        "attached": [str(file.pk) for file in row.file_rows.all()],
        "access": model.access,
        "groups": [group.pk for group in model.groups.all()],
    }


def _first(problems: Any) -> str:
    """The first of the messages of a serializer's field, however deep they are."""
    while isinstance(problems, dict | list):
        problems = next(iter(problems.values() if isinstance(problems, dict) else problems), "")
    return str(problems)
