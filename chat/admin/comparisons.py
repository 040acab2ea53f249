"""Comparisons: which models answered side by side, which was picked, and how often each wins. No texts of chats."""

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from chat.admin.by_model import ByModelAdmin
from chat.comparisons import wins
from chat.models import ComparedAnswer, Comparison


@admin.register(Comparison)
class ComparisonAdmin(ByModelAdmin):
    list_display = ("created", "shown_models", "shown_picked", "user")
    list_filter = ("created", "picked_at")
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("answers__model", "user__email", "user__name")
    search_help_text = gettext_lazy("Model or person")
    ordering = ("-created",)
    by_model_title = gettext_lazy("Wins by model")
    fields = ("user", "created", "picked_at", "shown_models", "shown_picked")
    readonly_fields = ("shown_models", "shown_picked")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Comparison]:
        rows: QuerySet[Comparison] = super().get_queryset(request)
        return rows.prefetch_related("answers")

    @display(description=gettext_lazy("models"))
    def shown_models(self, row: Comparison) -> str:
        return ", ".join(_name(answer) for answer in row.answers.all()) or "–"

    @display(description=gettext_lazy("picked"))
    def shown_picked(self, row: Comparison) -> str:
        return ", ".join(_name(answer) for answer in row.answers.all() if answer.is_picked) or "–"

    def counted(self, start: datetime, end: datetime) -> list[wins.Wins]:
        return wins.by_model(start, end)


def _name(answer: ComparedAnswer) -> str:
    return _("%(model)s (merged)") % {"model": answer.model} if answer.is_merged else answer.model
