"""The page with what all calls add up to, and its files for spreadsheets."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from providers import catalogue
from providers.admin.usage import export, report
from providers.admin.usage.chart import MEASURES, chart
from providers.admin.usage.report import DIMENSIONS, ReportLine, ReportPeriod
from providers.errors import BadRequest
from providers.facts import GatewayFacts
from providers.pricing import money
from providers.process import waiting
from providers.relay import usage
from providers.relay.usage import totals
from providers.relay.usage.totals import Total

PAGE = "providers_usagerecord_totals"
FILE = "providers_usagerecord_totals_csv"
MOST_LINES = 100  # of the table; the others are one line, and all are in the file


class TotalsView(UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]
    """`?from=DAY&to=DAY&by=person&measure=cost`"""

    title = gettext_lazy("Usage totals")
    permission_required = ()  # `has_permission` decides
    template_name = "admin/providers/usagerecord/totals.html"
    http_method_names = ("get",)

    def has_permission(self) -> bool:
        return bool(self.model_admin.has_view_permission(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data()  # the arguments of the address are known
        query = self.request.GET
        try:
            period, failure = ReportPeriod.of(query.get("from", ""), query.get("to", "")), ""
        except BadRequest as error:
            period, failure = ReportPeriod.of("", ""), error.message
        gateway = catalogue.snapshot_blocking().gateway
        by = query.get("by", "") if query.get("by", "") in DIMENSIONS else "person"
        numbers = _numbers(period, by, query.get("measure", ""), gateway)
        return {
            **context,
            **numbers,
            "opts": self.model_admin.model._meta,
            "failure": failure,
            "period": period,
            "before": period.before(),
            "by": by,
            "dimensions": {name: dimension.label for name, dimension in DIMENSIONS.items()},
            "quick": [
                {"words": words, "chosen": choice == period, "query": _query(choice, by, measure=numbers["measure"])}
                for words, choice in report.quick_choices()
            ],
            "currency": gateway.currency,
            "csv_url": reverse(f"admin:{FILE}"),
            "csv_query": _query(period, by),
            "may_see_prices": self.request.user.has_perm("providers.view_price"),
        }


def _query(period: ReportPeriod, by: str, **more: str) -> str:
    return urlencode({"from": period.start, "to": period.end, "by": by, **more})


def _numbers(period: ReportPeriod, by: str, wanted: str, gateway: GatewayFacts) -> dict[str, Any]:
    """What the page shows of the calls. Six queries at most, whatever there is."""
    usage.flush()
    dimension, days = DIMENSIONS[by], report.by_day(period)
    now = totals.summed(total for day, total in days.items() if day >= period.start)
    before = totals.summed(total for day, total in days.items() if day < period.start)
    name = wanted if wanted in MEASURES else "cost" if now.cost or before.cost else "calls"
    measure = MEASURES[name]
    lines = report.lines(dimension, period)
    shown, others = lines[:MOST_LINES], lines[MOST_LINES:]
    rest = ReportLine(None, totals.summed(line.now for line in others), totals.summed(line.before for line in others))
    most = max((measure.value(line.now) for line in lines), default=0)
    return {
        "measure": name,
        "measures": {key: row.label for key, row in MEASURES.items()},
        "chart": chart(period, days, measure, gateway),
        "sums": _sums(now, before, gateway),
        "total": now,
        "rows": [
            _row(line, gateway, round(100 * measure.value(line.now) / most) if most else 0)
            for line in report.with_names(shown, dimension)
        ],
        "others": _row(rest, gateway, 0) | {"count": len(others)} if others else None,
        "unpriced": report.unpriced_models(period)[:MOST_LINES] if now.unpriced else [],
    }


def _sums(now: Total, before: Total, gateway: GatewayFacts) -> list[dict[str, Any]]:
    """The totals of all calls, with the difference to the period before; those that only some calls have, if any do."""
    numbers = [
        (_("Calls"), "calls"),
        (_("Failed"), "failed"),
        (_("Tokens sent"), "tokens_in"),
        (_("Tokens received"), "tokens_out"),
    ]
    some = [
        (_("Tokens from the cache"), "cached_tokens"),
        (_("Reasoning tokens"), "reasoning_tokens"),
        (_("Pictures"), "pictures"),
        (_("Seconds of audio"), "seconds"),
        (_("Characters read aloud"), "characters"),
        (_("Calls of unknown cost"), "unpriced"),
    ]
    numbers += [(label, name) for label, name in some if getattr(now, name) or getattr(before, name)]
    return [
        {
            "label": f"{_('Cost')} ({gateway.currency})",
            "value": _amount(now, gateway),
            "change": change(now.cost, before.cost),
        },
        *(
            {
                "label": label,
                "value": number_format(getattr(now, name), force_grouping=True),
                "change": change(getattr(now, name), getattr(before, name)),
            }
            for label, name in numbers
        ),
    ]


def _row(line: ReportLine, gateway: GatewayFacts, share: int) -> dict[str, Any]:
    """A line of the table; `share`: the length of its bar, in per cent of the longest."""
    now, before = line.now, line.before
    return {
        "name": line.name,
        "detail": line.detail,
        "share": share,
        "total": now,
        "cost": _amount(now, gateway),
        "cost_before": _amount(before, gateway),
        "cost_change": change(now.cost, before.cost),
        "calls_change": change(now.calls, before.calls),
    }


def _amount(total: Total, gateway: GatewayFacts) -> str:
    """The cost of the calls whose price is known, without the currency."""
    amount = money.shown(total.cost, gateway)
    return totals.without_cost(total) if amount is None else money.rounded(amount)


def change(now: Decimal | int | None, before: Decimal | int | None) -> str:
    """The difference to the period before, in words."""
    value = report.difference(now, before)
    if value is None:
        return _("new") if now and not before else "–"
    return f"{'+' if value > 0 else ''}{number_format(round(value, 1), 1)} %"


class TotalsFile(TotalsView):
    """`?from=DAY&to=DAY&by=person`: the table as CSV; with `each=day` a row for each day and everything apart."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        query = request.GET
        try:
            period = ReportPeriod.of(query.get("from", ""), query.get("to", ""))
        except BadRequest:
            return redirect(f"{reverse(f'admin:{PAGE}')}?{query.urlencode()}")  # which says what is wrong
        usage.flush()
        by, gateway = query.get("by", ""), catalogue.snapshot_blocking().gateway
        if query.get("each") == "day":
            name, pieces = "days", export.by_day(period, gateway)
        else:
            name = by if by in DIMENSIONS else "person"
            pieces = export.table(name, period, gateway)
        first = next(pieces)  # before the headers are sent: an error here is a response, not a broken file
        return StreamingHttpResponse(
            waiting.later(first, pieces),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="usage-{name}-{period.start}-{period.end}.csv"'},
        )
