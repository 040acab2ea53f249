"""/settings/memories: see, add, change and delete memories. Works without scripts."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chat import chat_settings
from chat.memory import services
from chat.services import set_preferences
from providers.errors import CallerError, NotFound

FORGOTTEN = "forgotten"  # in the session until the next page: the text of a deleted memory, for the undo


class FactForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Something to remember"),
        max_length=services.MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One thing at a time: “I am allergic to nuts.” “Our project is called Kite.”"),
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def memories(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if not chat_settings.current_blocking().memory:
        raise Http404
    form = FactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.keep(user.pk, form.cleaned_data["text"])
        except CallerError as error:
            form.add_error("text", error.message)
        else:
            messages.success(request, _("Remembered."))
            return redirect("settings_memories")
    context = {
        "section": "memories",
        "form": form,
        "facts": services.facts_of(user.pk),
        "used": services.is_used(user.pk),
        "count": services.FACTS_PER_MESSAGE,
        "longest": services.MAX_CHARACTERS,
        "forgotten": request.session.pop(FORGOTTEN, ""),
    }
    return render(request, "settings/memories.html", context)


@login_required
@require_POST
def change_memory(request: HttpRequest, memory_id: int) -> HttpResponse:
    try:
        services.change(_fact(request, memory_id), request.POST.get("text", ""))
        messages.success(request, _("Saved."))
    except CallerError as error:
        messages.error(request, error.message)
    return redirect("settings_memories")


@login_required
@require_POST
def delete_memory(request: HttpRequest, memory_id: int) -> HttpResponse:
    fact = _fact(request, memory_id)
    services.forget(services.facts_of(fact.user_id).filter(pk=fact.pk))
    request.session[FORGOTTEN] = fact.text
    return redirect("settings_memories")


@login_required
@require_POST
def delete_memories(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    n = services.forget(services.facts_of(user.pk))
    messages.success(request, ngettext("%(n)s memory was deleted.", "%(n)s memories were deleted.", n) % {"n": n})
    return redirect("settings_memories")


@login_required
@require_POST
def use_memories(request: HttpRequest) -> HttpResponse:
    """Let models know one's memories, or not; the default is yes."""
    user: Any = request.user
    set_preferences(user.pk, {services.PREFERENCE: None if request.POST.get("use") == "yes" else False})
    return redirect("settings_memories")


def _fact(request: HttpRequest, memory_id: int) -> Any:
    user: Any = request.user
    try:
        return services.fact_for(user.pk, memory_id)
    except NotFound as error:
        raise Http404(error.message) from error
