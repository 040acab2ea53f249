"""“Try it on last week”: what a rate limit or a budget would have stopped, before it is saved."""

from typing import Any, ClassVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import path, reverse

from providers.admin.history import HistoryAdmin
from providers.relay.trials import DAYS, Trial


class TrialAdmin(HistoryAdmin):
    """Base of the lists whose form has the button. The answer is a piece of HTML; nothing is written."""

    change_form_after_template: ClassVar[str] = "admin/providers/limits/below_form.html"

    def trial_of(self, row: Any) -> Trial:
        """What this row, which need not be saved, would have stopped."""
        raise NotImplementedError

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.trial_view)
        return [
            path("try/", view, name=self._trial_name),
            path("<path:object_id>/try/", view, name=self._trial_name),
            *super().get_urls(),
        ]

    @property
    def _trial_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_try"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        row = kwargs.get("obj")
        if self._may_save(request, row):
            context["trial_url"] = reverse(f"admin:{self._trial_name}", args=[row.pk] if row is not None else [])
        return super().render_change_form(request, context, *args, **kwargs)

    def _may_save(self, request: HttpRequest, row: Any) -> bool:
        return bool(self.has_add_permission(request) if row is None else self.has_change_permission(request, row))

    def trial_view(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """The preview for the values of a form, or what is wrong with them. Rights as those of the form."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.get_object(request, unquote(object_id)) if object_id is not None else None
        if object_id is not None and row is None:
            raise Http404
        if not self._may_save(request, row):
            raise PermissionDenied
        form = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        context: dict[str, Any] = {"form": form, "days": DAYS}
        if form.is_valid():
            context |= {"trial": self.trial_of(form.instance), "row": form.instance}
        return render(request, "admin/providers/limits/trial.html", context)
