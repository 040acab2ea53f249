"""Feedback: the list of thumbs, and what each model gets over a period.

Lists show no texts of chats; a row's own page has the message for those who may read messages.
"""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from chat.admin.by_model import ByModelAdmin
from chat.feedback import services
from chat.feedback.reasons import LABELS
from chat.models import Feedback
from providers.admin.base import Label

SHOWN = 6  # reasons of a model
LONGEST = 20_000  # characters of a message on a row's page


@admin.register(Feedback)
class FeedbackAdmin(ByModelAdmin):
    list_display = ("updated", "model", "shown_rating", "shown_reasons", "user")
    list_filter = ("rating", "updated")
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("model", "user__email", "user__name")
    search_help_text = gettext_lazy("Model or person")
    ordering = ("-updated",)
    by_model_title = gettext_lazy("Feedback by model")
    readonly_fields = ("shown_reasons", "answer")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("user", "model", "rating", "shown_reasons", "text", "updated")
        return (*fields, "answer") if request.user.has_perm("chat.view_message") else fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feedback]:
        rows: QuerySet[Feedback] = super().get_queryset(request)
        return rows.select_related("message")

    @display(description=gettext_lazy("rating"), ordering="rating", label={"up": "success", "down": "danger"})
    def shown_rating(self, row: Feedback) -> Label:
        return Label(row.rating, row.get_rating_display())

    @display(description=gettext_lazy("reasons"))
    def shown_reasons(self, row: Feedback) -> str:
        return ", ".join(str(LABELS[name]) for name in row.reasons if name in LABELS) or "–"

    @display(description=gettext_lazy("answer"))
    def answer(self, row: Feedback) -> str:
        return row.message.content[:LONGEST]

    def counted(self, start: datetime, end: datetime) -> list[services.ModelFeedback]:
        return services.by_model(start, end)

    def facts_of(self, row: services.ModelFeedback) -> dict[str, Any]:
        reasons = row.reasons.most_common(SHOWN)
        return {"reasons": [(LABELS[name], count) for name, count in reasons if name in LABELS]}
