"""The list of API keys. A key is made here or by its owner, shown once, and revoked with one click."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from providers import callers, services
from providers.admin import relations
from providers.admin.base import EMPTY, AdminPages, Label
from providers.admin.conflicts import GuardedAdmin
from providers.admin.filters import ConditionFilter
from providers.admin.forms import ClientKeyForm, RotateKeyForm
from providers.admin.rights import may_speak_for
from providers.errors import Conflict
from providers.models import ClientKey, RateLimit

MOST_RULES = 3  # models and addresses that the list of keys shows


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
    list_display = ("label", "owner", "state", "limited_to", "used", "expires_at", "made")
    list_display_links = ("label",)
    list_filter = (StateFilter, "group", "last_used")
    list_filter_submit = True
    list_select_related = ("user", "group")
    search_fields = ("name", "prefix", "user__email", "user__name", "group__name")
    autocomplete_fields = ("user", "group")
    actions = ("revoke",)
    actions_submit_line = ("revoke_now",)
    actions_detail = ("rotate",)
    rules = ("scopes", "models", "addresses", "expires_at")
    shown = ("prefix", "state", "used", "former", "limits", "made")
    fieldsets = (
        (None, {"fields": ("owner", "name", *rules)}),
        (gettext_lazy("Use"), {"fields": shown}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("user", "group", "name", *rules),
                "description": gettext_lazy(
                    "The key is shown only once, on the next page. Copy it to a place where your program can read it."
                ),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: ClientKey | None = None) -> Any:
        return ("owner", *self.shown) if obj is not None else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "user" and field is not None:
            field.queryset = field.queryset.filter(service_group=None)
        return field

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Require the rights of the key's person: the scopes and the expiry of a key are rights too."""
        if isinstance(obj, str | int):  # Unfold hands over the id where it checks an action
            obj = relations.row_of(ClientKey, obj)
        return super().has_change_permission(request, obj) and (obj is None or may_speak_for(request.user, obj.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or may_speak_for(request.user, obj.user))

    # --- list and page ---

    @display(description=gettext_lazy("whose"), ordering="user__email")
    def owner(self, row: ClientKey) -> Any:
        if row.group is not None:
            return self.link(
                Group,
                reverse("admin:auth_group_change", args=[row.group_id]),
                _("Group %(name)s") % {"name": row.group},
            )
        return self.link(type(row.user), reverse("admin:webui_user_change", args=[row.user_id]), str(row.user))

    @display(description=gettext_lazy("last used"), ordering="last_used")
    def used(self, row: ClientKey) -> str:
        return _use(row.last_used, row.last_address)

    @display(description=gettext_lazy("former key"))
    def former(self, row: ClientKey) -> str:
        if not row.has_former:
            return EMPTY
        return _("%(prefix)s… works until %(until)s. Last used: %(use)s") % {
            "prefix": row.former_prefix,
            "until": _moment(row.former_until),
            "use": _use(row.former_last_used, row.former_last_address),
        }

    @display(description=gettext_lazy("rate limits of its own"))
    def limits(self, row: ClientKey) -> Any:
        """Links to the limits of this key, and to a form for another one."""
        if not self.may_see(RateLimit):
            return EMPTY
        page = "admin:providers_ratelimit"
        links = [
            (reverse(f"{page}_change", args=[limit.pk]), _numbers(limit))
            for limit in RateLimit.objects.filter(target=RateLimit.Target.KEY, key=row)
        ]
        if self.request is not None and self.request.user.has_perm("providers.add_ratelimit"):
            links.append((f"{reverse(f'{page}_add')}?target={RateLimit.Target.KEY}&key={row.pk}", _("Add a limit")))
        return format_html_join(SafeString("<br>"), '<a class="row-link" href="{}">{}</a>', links) if links else EMPTY

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
        rules = [str(callers.SCOPES.get(scope, scope)) for scope in row.scopes]
        rules += row.models.split()[:MOST_RULES] + row.addresses.split()[:MOST_RULES]
        return ", ".join(rules) or _("everything")

    @display(description=gettext_lazy("created"), ordering="created")
    def made(self, row: ClientKey) -> str:
        return _moment(row.created)

    # --- verbs ---

    def save_model(self, request: HttpRequest, obj: ClientKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        allowed = request.user.is_superuser if obj.group else may_speak_for(request.user, obj.user)  # type: ignore[union-attr]
        if not allowed:
            raise PermissionDenied
        row, key = services.issue_key(
            obj.user if obj.group is None else None,
            group=obj.group,
            name=obj.name,
            expires_at=obj.expires_at,
            scopes=obj.scopes,
            models=obj.models,
            addresses=obj.addresses,
        )
        obj.__dict__.update(row.__dict__)
        request.issued_key = key  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ClientKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._show(request, obj, request.issued_key)  # type: ignore[attr-defined]

    def _show(self, request: HttpRequest, row: ClientKey, key: str) -> HttpResponse:
        """Show the key in this one response: it is in no message, cookie or log."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("The new key"),
            "key": key,
            "row": row,
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

    @action(description=gettext_lazy("Replace this key"), permissions=["change"], icon="autorenew", url_path="rotate")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long the key so far stays valid, then show the new one."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_change_permission(request, row):
            raise PermissionDenied
        page = reverse("admin:providers_clientkey_change", args=[row.pk])
        if request.method == "POST" and "end_former" in request.POST:
            services.end_former_secret(row)
            self.message_user(request, _("The former key no longer works."), messages.SUCCESS)
            return redirect(page)
        form = RotateKeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                key = services.rotate_key(row, keep=timedelta(seconds=int(form.cleaned_data["keep"])))
            except Conflict as error:
                self.message_user(request, error.message, messages.ERROR)
                return redirect(page)
            return self._show(request, row, key)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Replace this key"),
            "form": form,
            "row": row,
            "page": page,
            "former": self.former(row),
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/providers/clientkey/rotate.html", context)


def _moment(when: Any) -> str:
    return date_format(timezone.localtime(when), "DATETIME_FORMAT")


def _use(when: Any, address: str) -> str:
    """When and from where a secret was used last."""
    if when is None:
        return _("never")
    return _("%(when)s from %(address)s") % {"when": _moment(when), "address": address} if address else _moment(when)


def _numbers(limit: RateLimit) -> str:
    """What a limit allows, in words: “requests per minute: 20”."""
    parts = [
        f"{limit._meta.get_field(name).verbose_name}: {value}"  # type: ignore[union-attr]
        for name in RateLimit.numbers()
        if (value := getattr(limit, name)) is not None
    ]
    return ", ".join(parts) if limit.enabled else _("%(limit)s (off)") % {"limit": ", ".join(parts)}
