"""Picture engines in the admin: one form for all kinds, a test that draws, and the page for ComfyUI workflows."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from imagegen import engine_tests
from imagegen.admin import workflow_page
from imagegen.admin.forms import DECLARED, OPTION, ImageEngineForm, kinds_with, option_fields
from imagegen.config import first_rows
from imagegen.models import ImageEngine
from providers.admin.filters import among
from providers.admin.servers import ServerAdmin
from providers.authentication import caller_of
from providers.errors import GatewayError


def _conditions() -> dict[str, str]:
    shown = {name: among("kind", kinds_with(name)) for name in DECLARED if name not in ("secret", "workflow", "nodes")}
    shown |= {name: among("kind", kinds_with("secret")) for name in ("new_key", "remove_key")}
    shown |= {name: among("kind", kinds_with(name.removeprefix(OPTION))) for name in option_fields()}
    return {**shown, "connection": among("kind", kinds_with("secret")), "groups": among("access", ["groups"])}


@admin.register(ImageEngine)
class ImageEngineAdmin(ServerAdmin):
    form = ImageEngineForm
    address_field = "url"
    list_display = ("label", "health_now", "kind", "purpose", "shown_model", "checked", "enabled", "position")
    list_filter = ("enabled", ("kind", ChoicesDropdownFilter), ("purpose", ChoicesDropdownFilter))
    search_fields = ("name", "url", "model")
    actions = ("enable", "disable")
    actions_row = ("test_row",)
    actions_detail = ("test_now", "open_workflow")
    readonly_fields = ("health_now", "checked")
    conditional_fields: ClassVar[dict[str, str]] = _conditions()

    def variables_of(self, row: ImageEngine) -> dict[str, str]:
        return first_rows.variables_of(row)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        basics: list[Any] = ["name", "kind", "purpose", "enabled", "position"]
        if obj is not None:
            basics[:0] = [("health_now", "checked")]
        fieldsets = (
            (gettext_lazy("Basics"), {"fields": basics}),
            (gettext_lazy("Server"), {"fields": ["connection", "url", *self.key_fields(obj), "version"]}),
            (gettext_lazy("Pictures"), {"fields": ["model", "method", "size", "steps", *option_fields(), "params"]}),
            (gettext_lazy("Access"), {"fields": ["access", "groups"]}),
            (
                gettext_lazy("Advanced"),
                {
                    "classes": ["collapse"],
                    "fields": ["concurrency", "timeout", "capabilities", "headers", ("verify_tls", "ca_file")],
                },
            ),
        )
        return self.seen_by(request, obj, fieldsets)

    def get_urls(self) -> Any:
        own = [
            path(
                "<path:object_id>/workflow/",
                self.admin_site.admin_view(self.workflow_view),
                name="imagegen_imageengine_workflow",
            ),
            path(
                "<path:object_id>/draw/", self.admin_site.admin_view(self.draw_view), name="imagegen_imageengine_draw"
            ),
        ]
        return own + super().get_urls()

    # --- list ---

    @display(description=gettext_lazy("Model"), ordering="model")
    def shown_model(self, row: ImageEngine) -> str:
        return row.model or "–"

    # --- verbs ---

    @action(description=gettext_lazy("Test"), permissions=["change"], icon="network_check", url_path="test")
    def test_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:imagegen_imageengine_draw", object_id)

    @action(
        description=gettext_lazy("Check address and key"),
        permissions=["change"],
        icon="network_check",
        url_path="check-row",
    )
    def test_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.act_on(request, object_id, self._check, to_list=True)

    def _check(self, request: HttpRequest, row: ImageEngine) -> None:
        self.report(request, row, engine_tests.check(row, by=caller_of(request)))

    @action(
        description=gettext_lazy("Workflow"), permissions=["edit_workflow"], icon="account_tree", url_path="to-workflow"
    )
    def open_workflow(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:imagegen_imageengine_workflow", object_id)

    def has_edit_workflow_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Unfold's hook: the button is there on engines whose kind has a workflow."""
        if not self.has_change_permission(request):
            return False
        row = self.get_object(request, obj) if isinstance(obj, str | int) else obj
        return row is None or row.kind in kinds_with("workflow")

    def draw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Draw a small picture as an ordinary job; show it, or the error."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_change_permission(request, row):
            return redirect("admin:imagegen_imageengine_changelist")
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Test %(name)s") % {"name": row.name},
            "engine": row,
            "opts": self.opts,
            "original": row,
            "prompt": request.POST.get("prompt") or _("A red kite over green hills"),
            "back": reverse("admin:imagegen_imageengine_change", args=[row.pk]),
        }
        if request.method == "POST":
            try:
                context["drawn"] = engine_tests.draw(caller_of(request), row, context["prompt"])
            except GatewayError as error:
                context["failure"] = error
        return TemplateResponse(request, "admin/imagegen/imageengine/draw.html", context)

    def workflow_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None or row.kind not in kinds_with("workflow") or not self.has_change_permission(request, row):
            return redirect("admin:imagegen_imageengine_changelist")
        return workflow_page.show(self, request, row)
