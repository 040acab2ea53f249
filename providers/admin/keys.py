"""The list of API keys. A key is made here or by its owner, shown once, and revoked with one click."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from providers import callers, services
from providers.admin import relations
from providers.admin.base import AdminPages, Label
from providers.admin.conflicts import GuardedAdmin
from providers.admin.filters import ConditionFilter
from providers.admin.forms import ClientKeyForm
from providers.admin.rights import may_speak_for
from providers.models import ClientKey


class StateFilter(ConditionFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        revoked, expired = Q(revoked_at__isnull=False), Q(expires_at__lte=timezone.now())
        return {
            "valid": (_("valid"), ~revoked & ~expired),
            "expired": (_("expired"), ~revoked & expired),
            "revoked": (_("revoked"), revoked),
        }


@admin.register(ClientKey)
class ClientKeyAdmin(GuardedAdmin, AdminPages, ModelAdmin):  # type: ignore[misc]
    form = ClientKeyForm
    list_display = ("label", "user", "state", "limited_to", "last_used", "expires_at", "made")
    list_display_links = ("label",)
    list_filter = (StateFilter, "last_used")
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__email", "user__name")
    autocomplete_fields = ("user",)
    actions = ("revoke",)
    actions_submit_line = ("revoke_now",)
    fieldsets = (
        (None, {"fields": ("user", "name", "scopes", "expires_at")}),
        (gettext_lazy("Use"), {"fields": ("prefix", "state", "last_used", "made")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("user", "name", "scopes", "expires_at"),
                "description": gettext_lazy(
                    "The key is shown only once, on the next page. Copy it to a place where your program can read it."
                ),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: ClientKey | None = None) -> Any:
        return ("user", "prefix", "state", "last_used", "made") if obj is not None else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Require the rights of the key's person: the scopes and the expiry of a key are rights too."""
        if isinstance(obj, str | int):  # Unfold hands over the id where it checks an action
            obj = relations.row_of(ClientKey, obj)
        return super().has_change_permission(request, obj) and (obj is None or may_speak_for(request.user, obj.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or may_speak_for(request.user, obj.user))

    # --- list ---

    @display(description=gettext_lazy("Key"), ordering="name", header=True)
    def label(self, row: ClientKey) -> list[str]:
        return [row.name or _("API key"), f"{row.prefix}…"]

    @display(description=gettext_lazy("State"), label={"valid": "success", "expired": "warning", "revoked": "danger"})
    def state(self, row: ClientKey) -> Label:
        if row.revoked_at is not None:
            return Label("revoked", _("revoked"))
        if row.expires_at is not None and row.expires_at <= timezone.now():
            return Label("expired", _("expired"))
        return Label("valid", _("valid"))

    @display(description=gettext_lazy("Only for"))
    def limited_to(self, row: ClientKey) -> str:
        return ", ".join(str(callers.SCOPES.get(scope, scope)) for scope in row.scopes) or _("everything")

    @display(description=gettext_lazy("created"), ordering="created")
    def made(self, row: ClientKey) -> str:
        return date_format(timezone.localtime(row.created), "DATETIME_FORMAT")

    # --- verbs ---

    def save_model(self, request: HttpRequest, obj: ClientKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        if not may_speak_for(request.user, obj.user):
            raise PermissionDenied
        row, key = services.issue_key(obj.user, name=obj.name, expires_at=obj.expires_at, scopes=obj.scopes)
        obj.__dict__.update(row.__dict__)
        request.issued_key = key  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ClientKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key in this one response: it is in no message, cookie or log."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("The new key"),
            "key": request.issued_key,  # type: ignore[attr-defined]
            "row": obj,
            "opts": self.model._meta,
        }
        response = TemplateResponse(request, "admin/providers/clientkey/issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description=gettext_lazy("Revoke the chosen keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ClientKey]) -> None:
        rows = [row for row in queryset.filter(revoked_at=None) if may_speak_for(request.user, row.user)]
        for row in rows:
            services.revoke_key(row)
        message = ngettext("%(n)s key is revoked.", "%(n)s keys are revoked.", len(rows))
        self.message_user(request, message % {"n": len(rows)}, messages.SUCCESS)

    @action(description=gettext_lazy("Revoke this key"), permissions=["change"])
    def revoke_now(self, request: HttpRequest, obj: ClientKey) -> None:
        services.revoke_key(obj)
        self.message_user(request, _("The key is revoked."), messages.SUCCESS)
