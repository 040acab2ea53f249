"""The base of the lists of servers (connections, image engines): columns of their health, and actions."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from providers.admin.enabled import EnabledActions
from providers.admin.history import HistoryAdmin
from providers.catalogue import health
from providers.catalogue.twins import twin_words
from providers.services import DOUBTFUL, UNTESTED, CheckResult

LEVELS = {"": messages.SUCCESS, DOUBTFUL: messages.WARNING, UNTESTED: messages.INFO}


class ServerAdmin(EnabledActions, HistoryAdmin):
    """Base of these lists. The model has the health columns, `enabled`, `updated`, `demo`, and an address."""

    address_field: ClassVar[str]
    list_display_links = ("label",)
    list_filter_submit = True
    ordering = ("demo", "position", "pk")
    autocomplete_fields = ("groups",)
    warn_unsaved_form = True

    # --- permission for the destination ---

    def may_change_destination(self, request: HttpRequest) -> bool:
        """Whether this person may change address and credentials, which needs a permission of its own."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}_destination"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Make address and credentials read-only without the permission for them. New servers may be added all the
        same.
        """
        fields = super().get_readonly_fields(request, obj)
        if self.may_change_destination(request):
            return fields
        open_to_all = self.model.address_columns if obj is None else ()
        return (*fields, *(name for name in self.model.audited if name not in open_to_all))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and not self.may_change_destination(request):
            # The form lacks these fields, but saves the whole row, which may be an old version when it is restored.
            stored = self.model._base_manager.get(pk=obj.pk)
            for column in [self.opts.get_field(name).attname for name in self.model.audited]:
                setattr(obj, column, getattr(stored, column))
        super().save_model(request, obj, form, change)
        if words := twin_words(obj):
            self.message_user(request, words, messages.WARNING)

    # --- form ---

    @staticmethod
    def key_fields(row: Any) -> list[str]:
        """The form's fields for the key: a stored one can be removed."""
        return ["new_key", "remove_key"] if row is not None and row.secret else ["new_key"]

    # --- columns ---

    @display(description=gettext_lazy("Name"), ordering="name", header=True)
    def label(self, row: Any) -> list[Any]:
        badge = _("Demo") if row.demo else _("Environment") if self.variables_of(row) else ""
        name = format_html('{} <span class="board-badge">{}</span>', row.name, badge) if badge else row.name
        return [name, getattr(row, self.address_field)]

    @display(description=gettext_lazy("Health"))
    def health_now(self, row: Any) -> str:
        state, text = health.state_of(row)
        error = format_html('<span class="health-error">{}</span>', health.cause(row)) if state == "failing" else ""
        return format_html(
            '<span class="health"><span class="board-dot is-{}" aria-hidden="true"></span><span>{}{}</span></span>',
            state, text, error,
        )  # fmt: skip

    @display(description=gettext_lazy("Last check"), ordering="last_checked")
    def checked(self, row: Any) -> str:
        if row.last_checked is None:
            return "–"
        when = date_format(localtime(row.last_checked), "DATETIME_FORMAT")
        return format_html(
            '<span title="{}">{}</span>', when, _("%(time)s ago") % {"time": timesince(row.last_checked, depth=1)}
        )

    # --- actions ---

    def set_enabled(self, request: HttpRequest, queryset: QuerySet[Any], *, on: bool) -> None:
        changed, refused = 0, []
        for row in queryset:  # one by one, so that each has an entry in the history
            if row.enabled is on:
                continue
            row.enabled = on
            try:
                row.save(update_fields=["enabled", "updated"])
            except ValidationError as error:
                refused += error.messages
                continue
            changed += 1
        for words in refused:
            self.message_user(request, words, messages.ERROR)
        message = ngettext("%(n)s entry was changed.", "%(n)s entries were changed.", changed)
        self.message_user(request, message % {"n": changed}, messages.SUCCESS if changed else messages.WARNING)

    def act_on(
        self, request: HttpRequest, object_id: str, action: Callable[[HttpRequest, Any], None], *, to_list: bool = False
    ) -> HttpResponse:
        """Run an action on one row, and redirect to its page or the list."""
        row = self.get_object(request, object_id)
        if row is not None:
            action(request, row)
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return redirect(f"{page}_changelist") if to_list or row is None else redirect(f"{page}_change", object_id)

    def report(self, request: HttpRequest, row: Any, result: CheckResult) -> None:
        """Show the result of checking a row."""
        self.message_user(
            request, f"{row.name}: {result.message}", LEVELS[result.note] if result.ok else messages.ERROR
        )
