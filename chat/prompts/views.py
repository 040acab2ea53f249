"""/settings/prompts: saved prompts, without scripts; and the parts that the message box shows of them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chat import audience, chat_settings
from chat.models import Prompt
from chat.pages.views import page
from chat.prompts import fields, services
from providers.authentication import caller_of
from providers.errors import GatewayError, NotFound
from providers.matching import variables

COMMAND_HELP = gettext_lazy("What you type after the slash: letters, digits, “_” and “-”.")


class PromptForm(forms.Form):
    command = forms.RegexField(
        services.COMMAND,
        label=gettext_lazy("Command"),
        max_length=40,
        help_text=COMMAND_HELP,
        error_messages={"invalid": COMMAND_HELP},
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=100)
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=services.MAX_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy(
            "{{Name}} is asked for when you use it; {{Name=Ann}} with a usual value, {{Letter:long}} with several "
            "lines, {{Tone:choice=warm|brief}} as a choice."
        ),
    )
    access = forms.ChoiceField(label=gettext_lazy("Who may use it"), widget=forms.RadioSelect)
    groups = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Groups"), required=False, coerce=int, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, user: Any, row: Prompt | None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        present = row.access if row is not None else Prompt.Audience.PRIVATE
        earlier = {} if row is None else dict(row.groups.values_list("pk", "name"))
        groups = {**earlier, **audience.groups_of(user)}
        allowed = {*audience.may_share(user), present} - (set() if groups else {audience.GROUPS})
        choices = [(value, label) for value, label in Prompt.Audience.choices if value in allowed]
        for name, offered in {"access": choices, "groups": list(groups.items())}.items():
            field: Any = self.fields[name]
            field.choices = offered
        if len(choices) == 1:
            del self.fields["access"]
        if not groups or audience.GROUPS not in allowed:
            del self.fields["groups"]


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def prompts(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if not (chat_settings.current_blocking().prompts or user.is_superuser):
        raise Http404
    form = PromptForm(user, None, request.POST or None, initial={"access": audience.PRIVATE})
    if _is_saved(request, form, None):
        return redirect("settings_prompts")
    listed = services.listed_for(user)
    context = {
        "section": "prompts",
        "form": form,
        "own": [row for row in listed if row.owner_id == user.pk],
        "shared": [row for row in listed if row.owner_id != user.pk],
    }
    return render(request, "settings/prompts.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def prompt(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    row = _own(request, prompt_id)
    initial = {name: getattr(row, name) for name in ("command", "title", "text", "access")}
    initial["groups"] = list(row.groups.values_list("pk", flat=True))
    form = PromptForm(request.user, row, request.POST or None, initial=initial)
    if _is_saved(request, form, row):
        return redirect("settings_prompts")
    return render(request, "settings/prompt.html", {"section": "prompts", "form": form, "prompt": row})


@login_required
@require_POST
def delete_prompt(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    row = _own(request, prompt_id)
    services.delete(row)
    messages.success(request, _("/%(command)s was deleted.") % {"command": row.command})
    return redirect("settings_prompts")


@page
def prompts_part(request: HttpRequest) -> HttpResponse:
    """The prompts that this person may use, as options of the list at the message box."""
    rows = services.listed_for(request.user)
    return render(request, "chat/composer/_prompts.html", {"prompts": rows})


@page
def prompt_part(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """The dialog that asks for what is to be filled in."""
    row = services.prompt_for(request.user, prompt_id)
    text = variables.filled_in(row.text, caller_of(request), request.COOKIES)
    context = {"prompt": row, "text": text, "inputs": fields.fields_of(row.text)}
    return render(request, "chat/prompts/_dialog.html", context)


def _is_saved(request: HttpRequest, form: PromptForm, row: Prompt | None) -> bool:
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        if row is None:
            services.create(request.user, form.cleaned_data)
        else:
            services.change(row, request.user, form.cleaned_data)
    except GatewayError as error:
        form.add_error(error.param if error.param in form.fields else None, error.message)
        return False
    messages.success(request, _("Saved."))
    return True


def _own(request: HttpRequest, prompt_id: UUID) -> Prompt:
    try:
        return services.own_for(request.user, prompt_id)
    except NotFound as error:
        raise Http404(error.message) from error
