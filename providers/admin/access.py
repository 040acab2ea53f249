"""The page that shows which models a person may use, and why. The rule itself is `Route.sources_for`."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelect2Widget

from providers import callers, catalogue
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
    return AccessDecision(route.public_id, route.name, bool(sources), _why(route, caller, groups), names)


def _why(route: Route, caller: Caller, groups: dict[int, str]) -> str:
    if caller.is_admin:
        return _("administrators may use everything")
    if settings.BYPASS_MODEL_ACCESS_CONTROL:
        return _("BYPASS_MODEL_ACCESS_CONTROL opens everything to everyone")
    if route.access == "public":
        return _("the model is open to everyone")
    if caller.user_id == route.owner_id:
        return _("it is their own model")
    if route.access == "groups":
        if caller.user_id in route.user_ids:
            return _("the model lists this person")
        return _of_groups(route.group_ids, caller, groups, _("the model is open to: %(names)s"))
    if route.access == "private":
        return _("the model is private")
    reasons = []
    for connection in dict.fromkeys(source.connection.id for source in route.sources):
        facts = next(source.connection for source in route.sources if source.connection.id == connection)
        if facts.access == "public":
            reason = _("open to everyone")
        elif facts.access == "groups":
            reason = _of_groups(facts.group_ids, caller, groups, _("open to: %(names)s"))
        else:
            reason = _("administrators only")
        reasons.append(f"{facts.name}: {reason}")
    if sum(source.is_shared for source in route.sources) > 1:
        reasons.append(_("the strictest of these rules holds"))
    return "; ".join(reasons)


def _of_groups(group_ids: frozenset[int], caller: Caller, groups: dict[int, str], sentence: str) -> str:
    shared = group_ids & caller.group_ids
    names = sorted(groups.get(pk, "?") for pk in (shared or group_ids))
    if shared:
        return _("they belong to %(names)s") % {"names": ", ".join(names)}
    return sentence % {"names": ", ".join(names) or _("nobody yet")}
