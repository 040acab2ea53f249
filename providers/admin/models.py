"""Models and presets: which connections offer them, and who may use them."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from simple_history.utils import bulk_update_with_history
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from providers.admin import relations
from providers.admin.access import AccessView
from providers.admin.base import Label, ReadableValues
from providers.admin.enabled import EnabledActions
from providers.admin.filters import ConditionFilter, among
from providers.admin.forms import ChatModelForm, SourceForm
from providers.admin.history import HistoryAdmin
from providers.admin.usage.explain import ExplainView, may_explain
from providers.models import PEOPLES, ChatModel, Connection, ModelAccess, ModelSource
from providers.relay.usage import receipts
from providers.upstream import model_lists


class ConnectionFilter(DropdownFilter):  # type: ignore[misc]
    title = gettext_lazy("connection")
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(row.pk), row.name) for row in Connection.objects.only("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not relations.possible(Connection, [value]):
            return queryset
        return queryset.filter(pk__in=ModelSource.objects.filter(connection=value, listed=True).values("model"))


PEOPLES_OWN = Q(needs_base=True, public_id__startswith=PEOPLES)


class OriginFilter(ConditionFilter):
    title = gettext_lazy("origin")
    parameter_name = "origin"

    def conditions(self) -> dict[str, tuple[Any, Q]]:
        preset, offered = Q(base__isnull=False), Q(pk__in=ModelSource.offered().values("model"))
        return {
            "offered": (_("offered now"), ~preset & ~PEOPLES_OWN & offered),
            "preset": (_("preset"), preset & ~PEOPLES_OWN),
            "people": (_("assistant that somebody made"), PEOPLES_OWN),
            "gone": (_("no longer offered"), ~preset & ~PEOPLES_OWN & ~offered),
        }


class SourceInline(ReadableValues, TabularInline):  # type: ignore[misc]
    """The sources of a model: discovery writes them, administrators their weights."""

    model = ModelSource
    verbose_name_plural = gettext_lazy("Offered by")
    fields = ("connection", "upstream_id", "weight", "unknown_params", "listed", "first_seen", "last_seen")
    readonly_fields = ("connection", "upstream_id", "listed", "first_seen", "last_seen")
    form = SourceForm
    extra = 0
    can_delete = False
    ordering = ("connection__position", "pk")
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("providers.change_chatmodel"))  # the weights are the model's

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelSource]:
        rows: QuerySet[ModelSource] = super().get_queryset(request)
        return rows.select_related("connection", "model")


@admin.register(ChatModel)
class ChatModelAdmin(EnabledActions, HistoryAdmin):
    form = ChatModelForm
    list_display = ("label", "origin", "access_now", "enabled", "tag_names")
    list_display_links = ("label",)
    list_filter = (ConnectionFilter, ("access", ChoicesDropdownFilter), "enabled", OriginFilter)
    list_filter_submit = True
    search_fields = ("public_id", "name", "description")
    ordering = ("public_id",)
    list_per_page = 100
    actions = ("make_public", "make_inherit", "make_private", "enable", "disable")
    actions_list = ("who_may", "explain_a_call")
    actions_detail = ("explain_model",)
    autocomplete_fields = ("base", "owner", "groups", "users")
    inlines = (SourceInline,)
    warn_unsaved_form = True
    conditional_fields: ClassVar[dict[str, str]] = {name: among("access", ["groups"]) for name in ("groups", "users")}

    # --- form ---

    def get_fieldsets(self, request: HttpRequest, obj: ChatModel | None = None) -> Any:
        preset = (
            gettext_lazy("Answers"),
            {
                "fields": ["base", "needs_base", "params", "system_prompt"],
                "classes": [] if obj is None or obj.base_id else ["collapse"],
                "description": gettext_lazy(
                    "A preset answers through its base, with these parameters and this system prompt."
                ),
            },
        )
        basics = ["public_id", "name", "description", ("enabled", "vision", "tools"), "context_length", "tags"]
        access = ["owner", "access", "groups", "users"]
        order = ["order"] if obj is not None and not obj.base_id else []
        return (
            (gettext_lazy("Basics"), {"fields": basics}),
            preset,
            (gettext_lazy("Where calls go"), {"fields": [*order, "fallbacks", "extra_params", "dropped_params"]}),
            (gettext_lazy("Access"), {"fields": access}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ChatModel | None = None) -> Any:
        return ("public_id",) if obj is not None else ()

    def get_inlines(self, request: HttpRequest, obj: ChatModel | None) -> Any:
        return self.inlines if obj is not None and obj.base_id is None else ()

    def get_custom_urls(self) -> Any:
        return (
            ("access/", "providers_chatmodel_access", AccessView.as_view(model_admin=self)),
            ("explain/", receipts.EXPLAIN, ExplainView.as_view(model_admin=self)),
        )

    # --- list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatModel]:
        rows: QuerySet[ChatModel] = super().get_queryset(request)
        sources = ModelSource.objects.select_related("connection").order_by("connection__position", "pk")
        return rows.select_related("base", "owner").prefetch_related(Prefetch("sources", sources), "groups", "users")

    @display(description=gettext_lazy("Model"), ordering="public_id", header=True)
    def label(self, row: ChatModel) -> list[str]:
        name = row.name or next((name for source in row.sources.all() if (name := model_lists.name_of(source.raw))), "")
        return [name or row.public_id, row.public_id if name else ""]

    @display(description=gettext_lazy("Offered by"))
    def origin(self, row: ChatModel) -> str:
        if row.needs_base and row.public_id.startswith(PEOPLES):
            base, owner = row.base.public_id if row.base is not None else "–", row.owner or _("nobody")
            words = _("assistant of %(owner)s, made of") % {"owner": owner}
            return format_html('<span class="preset-of">{}</span> {}', words, base)
        if row.base is not None:
            return format_html('<span class="preset-of">{}</span> {}', _("preset of"), row.base.public_id)
        offered = [source.connection for source in row.sources.all() if source.listed]
        if not offered:
            return format_html('<span class="health-error">{}</span>', _("no longer offered"))
        return format_html_join(
            ", ", "{}{}", ((server.name, "" if server.enabled else f" ({_('switched off')})") for server in offered)
        )

    @display(
        description=gettext_lazy("Who may use it"),
        ordering="access",
        label={"public": "success", "groups": "info", "private": "warning", "inherit": ""},
    )
    def access_now(self, row: ChatModel) -> Label:
        if row.access == ModelAccess.GROUPS:
            names = [*(group.name for group in row.groups.all()), *(str(user) for user in row.users.all())]
            return Label(
                row.access, ", ".join(names[:3]) + (" …" if len(names) > 3 else "") if names else _("nobody yet")
            )
        texts = {"public": _("everyone"), "private": _("private"), "inherit": _("same as its connection")}
        return Label(row.access, texts[row.access])

    @display(description=gettext_lazy("Tags"))
    def tag_names(self, row: ChatModel) -> str:
        return ", ".join(str(tag.get("name", "")) if isinstance(tag, dict) else str(tag) for tag in row.tags)

    # --- verbs ---

    @action(description=gettext_lazy("Who may use what"), permissions=["view"], icon="policy", url_path="who-may")
    def who_may(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:providers_chatmodel_access")

    def has_explain_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may_explain(request)

    @action(
        description=gettext_lazy("Explain a call"), permissions=["explain"], icon="route", url_path="explain-a-call"
    )
    def explain_a_call(self, request: HttpRequest) -> HttpResponse:
        return redirect(receipts.explain_page())

    @action(description=gettext_lazy("Explain a call"), permissions=["explain"], icon="route", url_path="explain-model")
    def explain_model(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        return redirect(receipts.explain_page(model=row.public_id if row is not None else ""))

    @admin.action(description=gettext_lazy("Open to everyone"), permissions=["change"])
    def make_public(self, request: HttpRequest, queryset: QuerySet[ChatModel]) -> None:
        self._set(request, queryset, access=ModelAccess.PUBLIC)

    @admin.action(description=gettext_lazy("Use the access rule of their connections"), permissions=["change"])
    def make_inherit(self, request: HttpRequest, queryset: QuerySet[ChatModel]) -> None:
        self._set(request, queryset, access=ModelAccess.INHERIT)

    @admin.action(description=gettext_lazy("Make private"), permissions=["change"])
    def make_private(self, request: HttpRequest, queryset: QuerySet[ChatModel]) -> None:
        self._set(request, queryset, access=ModelAccess.PRIVATE)

    def set_enabled(self, request: HttpRequest, queryset: QuerySet[ChatModel], *, on: bool) -> None:
        self._set(request, queryset, enabled=on)

    def _set(self, request: HttpRequest, queryset: QuerySet[ChatModel], **values: Any) -> None:
        """Write columns of all chosen models, with an entry in the history of each."""
        rows = [row for row in queryset if any(getattr(row, name) != value for name, value in values.items())]
        for row in rows:
            for name, value in values.items():
                setattr(row, name, value)
        bulk_update_with_history(rows, ChatModel, list(values), batch_size=500, default_user=request.user)
        message = ngettext("%(n)s model was changed.", "%(n)s models were changed.", len(rows))
        self.message_user(request, message % {"n": len(rows)}, messages.SUCCESS)
