"""The page that shows which models a person may use, and why. The rule itself is `Route.sources_for`."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelect2Widget

from providers import callers, catalogue
from providers.catalogue.access_reasons import why
from providers.facts import Caller, Route


class PersonForm(forms.Form):
    user = forms.ModelChoiceField(
        label=gettext_lazy("Person"),
        queryset=get_user_model()._default_manager.filter(service_group=None).order_by("email"),
        widget=UnfoldAdminSelect2Widget,
    )


class AccessView(UnfoldModelAdminViewMixin, FormView):  # type: ignore[misc,type-arg]
    """`?user=ID`: every model, whether this person may use it, and why."""

    title = gettext_lazy("Who may use what")
    permission_required = ()  # `has_permission` decides
    template_name = "admin/providers/chatmodel/access.html"
    form_class = PersonForm
    http_method_names = ("get",)

    def has_permission(self) -> bool:
        return bool(self.model_admin.has_view_permission(self.request))

    def get_form_kwargs(self) -> dict[str, Any]:
        return {"data": self.request.GET if "user" in self.request.GET else None}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form = context["form"]
        person = form.cleaned_data["user"] if form.is_bound and form.is_valid() else None
        decisions = decisions_for(person) if person is not None else []
        return {
            **context,
            "person": person,
            "decisions": decisions,
            "allowed": sum(decision.allowed for decision in decisions),
            "opts": self.model_admin.model._meta,
        }


# --- decisions ---


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether one person may use one model, and why."""

    public_id: str
    name: str
    allowed: bool
    why: str
    connections: tuple[str, ...]  # the connections that this person's calls may use


def decisions_for(user: Any) -> list[AccessDecision]:
    """The decisions for every model. The number of queries does not grow with them."""
    snapshot, caller = catalogue.snapshot_blocking(), callers.caller_for_user(user)
    groups = dict(Group.objects.values_list("pk", "name"))
    return [_decision(route, caller, groups) for route in snapshot.routes.values()]


def _decision(route: Route, caller: Caller, groups: dict[int, str]) -> AccessDecision:
    sources = route.sources_for(caller)
    names = tuple(dict.fromkeys(source.connection.name for source in sources))
    return AccessDecision(route.public_id, route.name, bool(sources), why(route, caller, groups), names)
