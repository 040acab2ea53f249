"""The page of a list that says what each model got over some days: `?from=` and `?to=`."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from chat.admin.chats import ReadOnlyAdmin

DAYS = 30  # of the period that a page begins with


class DayRange(NamedTuple):
    """The first and the last day; it begins at `start` and ends before `end`."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.first, time()))

    @property
    def end(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.last + timedelta(days=1), time()))


def period_of(request: HttpRequest) -> DayRange:
    """The days that the address names; what is missing or no day is as at the beginning."""
    last = _day(request, "to") or timezone.localdate()
    return DayRange(_day(request, "from") or last - timedelta(days=DAYS - 1), last)


def _day(request: HttpRequest, name: str) -> date | None:
    try:
        day = parse_date(request.GET.get(name, ""))
    except ValueError:
        return None
    return day if day and 1990 < day.year < 2200 else None


class ByModelAdmin(ReadOnlyAdmin):
    """A list with such a page, whose template is `admin/chat/{model}/models.html`, and a button that leads there.

    Its rows are `{"row", "url"}`, the latter of the list of that model alone, and what `facts_of` adds.
    """

    actions_list = ("by_model",)
    by_model_title: ClassVar[Any]

    def counted(self, start: datetime, end: datetime) -> Iterable[Any]:
        """What each `model` got from `start` to before `end`; the number of queries does not grow with the models."""
        raise NotImplementedError

    def facts_of(self, row: Any) -> dict[str, Any]:
        return {}

    def get_urls(self) -> Any:
        own = path("models/", self.admin_site.admin_view(self.models_view), name=f"chat_{self.opts.model_name}_models")
        return [own, *super().get_urls()]

    @action(description=_("By model"), permissions=["view"], icon="bar_chart", url_path="by-model")
    def by_model(self, request: HttpRequest) -> HttpResponse:
        return self.models_view(request)

    def models_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            return redirect("admin:index")
        period = period_of(request)
        changelist = reverse(f"admin:chat_{self.opts.model_name}_changelist")
        rows = [
            {"row": row, "url": f"{changelist}?{urlencode({'q': row.model})}", **self.facts_of(row)}
            for row in self.counted(period.start, period.end)
        ]
        shown = {"title": self.by_model_title, "opts": self.opts, "rows": rows, "period": period}
        template = f"admin/chat/{self.opts.model_name}/models.html"
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **shown})
