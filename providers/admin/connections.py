"""Connections: their health, one form for every provider, and actions that call the provider."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from providers import services
from providers.admin.filters import ConditionFilter, among
from providers.admin.forms import OPTION, ConnectionForm, option_fields, types_with
from providers.admin.servers import ServerAdmin
from providers.admin.usage.explain import may_explain
from providers.authentication import caller_of
from providers.catalogue import discovery, health
from providers.catalogue.shared_models import SHARING_COLUMNS, shared_words
from providers.config import first_rows
from providers.errors import GatewayError
from providers.models import ChatModel, Connection
from providers.ollama.pages import PAGE as SERVER_MODELS
from providers.ollama.pages import ServerModelsPages
from providers.relay.usage import receipts
from providers.signals import dependents
from providers.upstream import kinds
from providers.valves.pages import PAGE as VALVES
from providers.valves.pages import ValvesPages, has_pipelines


class HealthFilter(ConditionFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        healthy = Q(last_error="")
        return {
            "ok": (_("answers"), healthy & Q(last_ok__isnull=False)),
            "failing": (_("failing"), ~healthy),
            "unknown": (_("not tried yet"), healthy & Q(last_ok=None)),
        }


@admin.register(Connection)
class ConnectionAdmin(ServerAdmin):
    form = ConnectionForm
    address_field = "base_url"
    list_display = ("label", "health_now", "kind", "location", "model_count", "checked", "enabled", "order")
    list_filter = (
        HealthFilter,
        "enabled",
        ("kind", ChoicesDropdownFilter),
        ("connection_type", ChoicesDropdownFilter),
        ("access", ChoicesDropdownFilter),
    )
    search_fields = ("name", "base_url", "prefix_id")
    actions = ("test_chosen", "enable", "disable")
    actions_row = ("test_row", "refresh_row")
    actions_detail = (
        "test_now",
        "refresh_now",
        "show_models",
        "show_server_models",
        "show_valves",
        "explain_connection",
    )
    readonly_fields = ("health_now", "checked", "model_count", "also_elsewhere", "refused_keys")
    save_on_top = False
    conditional_fields: ClassVar[dict[str, str]] = {
        "speaks": among("kind", kinds.choosing()),
        "api_version": among("kind", [kind.name for kind in kinds.KINDS.values() if kind.needs_api_version]),
        "groups": among("access", ["groups"]),
        "new_key": among("auth_type", types_with("secret")),
        "remove_key": among("auth_type", types_with("secret")),
        "more_keys": among("auth_type", types_with("secret")),
        **{name: among("auth_type", types_with(name.removeprefix(OPTION))) for name in option_fields()},
    }

    # --- form ---

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        options = list(option_fields()) if self.may_change_destination(request) else []
        basics: list[Any] = ["name", "kind", "base_url", ("enabled", "connection_type"), "tags"]
        also = []
        if obj is not None:
            basics[:0] = ["health_now", ("checked", "model_count")]
            also = ["also_elsewhere"] if self.also_elsewhere(obj) else []
        faults = ["refused_keys"] if obj is not None and obj.refused_keys else []
        fieldsets: Any = (
            (gettext_lazy("Basics"), {"fields": basics}),
            (
                gettext_lazy("Authentication"),
                {"fields": ["auth_type", *self.key_fields(obj), "more_keys", *faults, *options, "api_version"]},
            ),
            (gettext_lazy("Models"), {"fields": [*also, "prefix_id", "model_ids", "position"]}),
            (
                gettext_lazy("Requests"),
                {"classes": ["collapse"], "fields": ["speaks", "extra_params", "dropped_params", "learn_params"]},
            ),
            (gettext_lazy("Access"), {"fields": ["access", "groups", "shared_access"]}),
            (
                gettext_lazy("Advanced"),
                {
                    "classes": ["collapse"],
                    "fields": [
                        "headers",
                        "forward_cookies",
                        ("verify_tls", "ca_file"),
                        "connect_timeout",
                        "first_byte_timeout",
                        "idle_timeout",
                        ("retries", "retry_seconds"),
                    ],
                },
            ),
        )
        # Columns that are not named above follow at the end.
        named = {*flatten_fieldsets(fieldsets), *option_fields(), "new_key", "remove_key"}
        fieldsets[-1][1]["fields"] += [name for name in self.form.base_fields if name not in named]
        return self.seen_by(request, obj, fieldsets)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        row = form.instance
        if row.enabled and (not change or discovery.LISTED_COLUMNS & form.changed_columns):
            # After the commit, so that a slow provider does not hold the transaction.
            transaction.on_commit(lambda: self._refresh(request, Connection.objects.get(pk=row.pk)))
        if row.enabled and (not change or SHARING_COLUMNS & form.changed_columns):
            transaction.on_commit(lambda: self._tell_shared(request, row))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The list on the confirmation page, with what other apps switch off for a deleted connection."""
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)
        answers = dependents.send(sender=Connection, connections=list(objs))
        return (
            [*listed, *(sentence for _receiver, sentences in answers for sentence in sentences or ())],
            counts,
            missing,
            protected,
        )

    def variables_of(self, row: Connection) -> dict[str, str]:
        return first_rows.variables_of(row)

    def get_urls(self) -> Any:
        return [*ServerModelsPages(self).urls(), *ValvesPages(self).urls(), *super().get_urls()]

    # --- list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        rows: QuerySet[Connection] = super().get_queryset(request)
        return rows.annotate(models_now=Count("sources", filter=Q(sources__listed=True)))

    @display(description=gettext_lazy("Location"), ordering="connection_type")
    def location(self, row: Connection) -> str:
        return row.get_connection_type_display()

    @display(description=gettext_lazy("Models"), ordering="models_now")
    def model_count(self, row: Any) -> str:
        return str(self.link(ChatModel, self._models_url(row.pk), row.models_now))

    def has_see_models_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("providers.view_chatmodel"))

    def has_hold_models_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether this person may change which models a server holds, and the server lets itself be told."""
        row = self.get_object(request, str(object_id)) if object_id is not None else None
        return row is not None and kinds.speaks_ollama(row) and self.has_change_permission(request, row)

    def has_explain_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may_explain(request)

    def has_change_valves_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether this person may change the valves of pipelines, and the server lists some."""
        row = self.get_object(request, str(object_id)) if object_id is not None else None
        return row is not None and has_pipelines(row) and self.has_change_permission(request, row)

    @display(description=gettext_lazy("Position"), ordering="position")
    def order(self, row: Connection) -> str:
        return "–" if row.demo else str(row.position)

    @display(description=gettext_lazy("Refused keys"))
    def refused_keys(self, row: Connection) -> str:
        return "; ".join(f"{mask}: {words}" for mask, words in row.refused_keys.items())

    @display(description=gettext_lazy("Also elsewhere"))
    def also_elsewhere(self, row: Connection) -> str:
        return shared_words(row.pk)

    @staticmethod
    def _models_url(pk: Any) -> str:
        return f"{reverse('admin:providers_chatmodel_changelist')}?connection={pk}"

    # --- verbs ---

    @action(description=gettext_lazy("Test connection"), permissions=["change"], icon="network_check", url_path="test")
    def test_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.act_on(request, object_id, self._test)

    @action(description=gettext_lazy("Refresh models"), permissions=["change"], icon="refresh", url_path="refresh")
    def refresh_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.act_on(request, object_id, self._refresh)

    @action(description=gettext_lazy("Show models"), permissions=["see_models"], icon="smart_toy", url_path="models")
    def show_models(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(self._models_url(object_id))

    @action(
        description=gettext_lazy("Models on the server"),
        permissions=["hold_models"],
        icon="download",
        url_path="on-server",
    )
    def show_server_models(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"admin:{SERVER_MODELS}", object_id)

    @action(
        description=gettext_lazy("Valves"), permissions=["change_valves"], icon="tune", url_path="valves-of-pipelines"
    )
    def show_valves(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"admin:{VALVES}", object_id)

    @action(
        description=gettext_lazy("Explain a call"),
        permissions=["explain"],
        icon="route",
        url_path="explain-connection",
    )
    def explain_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page with the connection's first model."""
        row = self.get_object(request, object_id)
        source = row.sources.filter(listed=True).select_related("model").order_by("pk").first() if row else None
        return redirect(receipts.explain_page(model=source.model.public_id if source else ""))

    @action(
        description=gettext_lazy("Test connection"), permissions=["change"], icon="network_check", url_path="test-row"
    )
    def test_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.act_on(request, object_id, self._test, to_list=True)

    @action(description=gettext_lazy("Refresh models"), permissions=["change"], icon="refresh", url_path="refresh-row")
    def refresh_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.act_on(request, object_id, self._refresh, to_list=True)

    @admin.action(description=gettext_lazy("Test the chosen connections"), permissions=["change"])
    def test_chosen(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        for row in queryset:
            self._test(request, row)

    def _test(self, request: HttpRequest, row: Connection) -> None:
        self.report(request, row, services.check_connection(row, by=caller_of(request)))

    def _tell_shared(self, request: HttpRequest, row: Connection) -> None:
        if words := shared_words(row.pk):
            self.message_user(request, f"{row.name}: {words}", messages.WARNING)

    def _refresh(self, request: HttpRequest, row: Connection) -> None:
        try:
            result = services.refresh_models(row, by=caller_of(request))
        except GatewayError as error:
            self.message_user(request, f"{row.name}: {health.in_words(error)}", messages.ERROR)
            return
        total = ngettext("%(n)s model", "%(n)s models", result.total) % {"n": result.total}
        changes = [
            text % {"n": count}
            for text, count in ((_("%(n)s new"), result.added), (_("%(n)s no longer offered"), result.gone))
            if count
        ]
        self.message_user(
            request,
            f"{row.name}: {', '.join([total, *changes])}.",
            messages.SUCCESS if result.total else messages.WARNING,
        )
