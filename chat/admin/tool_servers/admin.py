"""The list and the form of tool servers, their test, and the page on which tools are switched one by one."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from chat.admin.tool_servers.forms import ToolServerForm, UsesForm
from chat.models import ToolGrant, ToolServer
from chat.tool_kinds import KINDS
from chat.tool_servers import services
from providers.admin.conflicts import FIELD, mark_of_columns, words_of_change
from providers.admin.filters import among
from providers.admin.servers import ServerAdmin
from providers.authentication import caller_of

COLUMNS = ("uses",)  # what the page of tools writes
MOST_NAMES = 20  # of people who are connected


def _kinds(**facts: bool) -> list[str]:
    return [kind.name for kind in KINDS.values() if all(getattr(kind, name) is value for name, value in facts.items())]


@admin.register(ToolServer)
class ToolServerAdmin(ServerAdmin):
    form = ToolServerForm
    address_field = "address"
    list_display = ("label", "health_now", "kind", "tool_count", "grant_count", "checked", "enabled", "position")
    list_filter = ("enabled", ("kind", ChoicesDropdownFilter))
    search_fields = ("name", "url", "command")
    actions = ("enable", "disable")
    actions_row = ("test_row",)
    actions_detail = ("test_now", "open_tools")
    readonly_fields = ("health_now", "checked", "connected")
    conditional_fields: ClassVar[dict[str, str]] = {
        "url": among("kind", _kinds(has_address=True)),
        "command": among("kind", _kinds(has_address=False)),
        "client_id": among("auth", [ToolServer.Auth.GRANT]),
        "new_key": among("auth", [ToolServer.Auth.KEY, ToolServer.Auth.GRANT]),
        "remove_key": among("auth", [ToolServer.Auth.KEY, ToolServer.Auth.GRANT]),
        "groups": among("access", ["groups"]),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(grant_total=Count("grants", distinct=True))
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        basics: list[Any] = ["name", "kind", "enabled", "position"]
        if obj is not None:
            basics[:0] = [("health_now", "checked")]
        fieldsets = (
            (gettext_lazy("Basics"), {"fields": basics}),
            (gettext_lazy("Server"), {"fields": ["url", "command", "auth", "client_id", *self.key_fields(obj)]}),
            (gettext_lazy("Tools"), {"fields": ["new_tools", "seconds"]}),
            (gettext_lazy("Access"), {"fields": ["access", "groups", *(["connected"] if obj is not None else [])]}),
            (
                gettext_lazy("Advanced"),
                {"classes": ["collapse"], "fields": ["headers", ("verify_tls", "ca_file")]},
            ),
        )
        return self.seen_by(request, obj, fieldsets)

    def get_urls(self) -> Any:
        own = path("<path:object_id>/tools/", self.admin_site.admin_view(self.tools_view), name="chat_toolserver_tools")
        return [own, *super().get_urls()]

    # --- list ---

    @display(description=gettext_lazy("Tools"))
    def tool_count(self, row: ToolServer) -> int:
        return len(row.listed)

    @display(description=gettext_lazy("Connected people"), ordering="grant_total")
    def grant_count(self, row: Any) -> str:
        return str(row.grant_total) if row.auth == ToolServer.Auth.GRANT else "–"

    @display(description=gettext_lazy("Connected people"))
    def connected(self, row: ToolServer) -> str:
        grants = ToolGrant.objects.filter(server=row).select_related("user").order_by("-updated")
        names = [str(grant.user) for grant in grants[: MOST_NAMES + 1]]
        return ", ".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "") or "–"

    # --- verbs ---

    @action(description=gettext_lazy("Test"), permissions=["change"], icon="network_check", url_path="test")
    def test_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.act_on(request, object_id, self._check)

    @action(description=gettext_lazy("Test"), permissions=["change"], icon="network_check", url_path="test-row")
    def test_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.act_on(request, object_id, self._check, to_list=True)

    def _check(self, request: HttpRequest, row: ToolServer) -> None:
        self.report(request, row, services.check(row, by=caller_of(request)))

    @action(description=gettext_lazy("Tools"), permissions=["change"], icon="construction", url_path="to-tools")
    def open_tools(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:chat_toolserver_tools", object_id)

    def tools_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The tools as the server listed them last, each with its rule."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_change_permission(request, row):
            return redirect("admin:chat_toolserver_changelist")
        here = reverse("admin:chat_toolserver_tools", args=[row.pk])
        if request.method == "POST":
            if "refresh" in request.POST:
                self._check(request, row)
            else:
                self._save_uses(request, row.pk)
            return redirect(here)
        form = UsesForm(row)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Tools of %(name)s") % {"name": row.name},
            "opts": self.opts,
            "original": row,
            "tools": [{"field": field, **stored} for field, stored in zip(form, row.listed, strict=True)],
            "back": reverse("admin:chat_toolserver_change", args=[row.pk]),
            "opened_with": mark_of_columns(row, COLUMNS),
        }
        return TemplateResponse(request, "admin/chat/toolserver/tools.html", context)

    def _save_uses(self, request: HttpRequest, pk: int) -> None:
        with transaction.atomic():
            row = ToolServer.objects.select_for_update().get(pk=pk)
            if changed := words_of_change(row, request.POST.get(FIELD, ""), COLUMNS):
                messages.error(request, changed)
                return
            form = UsesForm(row, request.POST)
            if not form.is_valid():
                messages.error(request, _("Choose one of the rules for each tool."))
                return
            row.uses = form.uses()
            row.save(update_fields=["uses", "updated"])
        messages.success(request, _("Saved."))
