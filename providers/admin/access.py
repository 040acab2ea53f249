"""The page that shows which models a person may use, and why."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelect2Widget

from providers.admin.access_decisions import decisions_for


class PersonForm(forms.Form):
    user = forms.ModelChoiceField(
        label=gettext_lazy("Person"),
        queryset=get_user_model()._default_manager.order_by("email"),
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
