"""The chart of a period: a bar for each day, week or month, and one beside it for the period before. No network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from providers.admin.usage.report import ReportPeriod
from providers.facts import GatewayFacts
from providers.pricing import money
from providers.relay.usage.totals import ZERO, Total

HEIGHT = 100  # units of the drawing, which the style sheet stretches
STEP, WIDTH = 10, 4  # of two bars, of one
BY_DAY, BY_WEEK = 62, 190  # the longest periods with a bar for each


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of totals that a chart can show, in US dollars where it is money."""

    label: Promise | str
    value: Callable[[Total], Decimal | int]
    is_money: bool = False

    def words(self, value: Decimal | int, gateway: GatewayFacts) -> str:
        return money.in_words(Decimal(value), gateway) if self.is_money else number_format(value, force_grouping=True)


MEASURES = {
    "cost": Measure(gettext_lazy("Cost"), lambda total: total.cost or ZERO, is_money=True),
    "calls": Measure(gettext_lazy("Calls"), lambda total: total.calls),
    "tokens": Measure(gettext_lazy("Tokens"), lambda total: total.tokens_in + total.tokens_out),
    "pictures": Measure(gettext_lazy("Pictures"), lambda total: total.pictures),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """The numbers of some days and of those beside them, with their places in the drawing."""

    words: str
    x: int
    height: int
    past_height: int

    @property
    def x_now(self) -> int:
        return self.x + WIDTH

    @property
    def y(self) -> int:
        return HEIGHT - self.height

    @property
    def past_y(self) -> int:
        return HEIGHT - self.past_height


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    most: str  # the highest number, in words

    @property
    def width(self) -> int:
        return STEP * len(self.bars)


def chart(period: ReportPeriod, days: Mapping[date, Total], measure: Measure, gateway: GatewayFacts) -> Chart:
    """The bars of a period, from the totals of its days and of those of the period before."""
    spans, before = _spans(period), _spans(period.before())
    sums = [_sum(span, days, measure) for span in spans]
    sums_before = [_sum(span, days, measure) for span in before[: len(spans)]]
    sums_before += [0] * (len(spans) - len(sums_before))  # the month before may be shorter
    most = max(sums + sums_before)
    bars = [
        Bar(_words(span, now, then, measure, gateway), STEP * number + 1, _height(now, most), _height(then, most))
        for number, (span, now, then) in enumerate(zip(spans, sums, sums_before, strict=True))
    ]
    return Chart(bars, measure.words(most, gateway))


def _height(value: Decimal | int, most: Decimal | int) -> int:
    return round(HEIGHT * value / most) if most else 0


def _words(
    span: ReportPeriod, now: Decimal | int, before: Decimal | int, measure: Measure, gateway: GatewayFacts
) -> str:
    days = [date_format(day, "SHORT_DATE_FORMAT") for day in dict.fromkeys((span.start, span.end))]
    values = {"now": measure.words(now, gateway), "before": measure.words(before, gateway)}
    return " – ".join(days) + ": " + _("%(now)s, before: %(before)s") % values


def _spans(period: ReportPeriod) -> list[ReportPeriod]:
    """The days, weeks or months of a period, from its first day on."""
    spans, start = [], period.start
    while start <= period.end:
        end = min(_end(start, period), period.end)
        spans.append(ReportPeriod(start, end))
        start = end + timedelta(days=1)
    return spans


def _end(start: date, period: ReportPeriod) -> date:
    if period.days <= BY_DAY:
        return start
    if period.days <= BY_WEEK:
        return start + timedelta(days=6)
    return (start.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _sum(span: ReportPeriod, days: Mapping[date, Total], measure: Measure) -> Decimal | int:
    inside = (span.start + timedelta(days=number) for number in range(span.days))
    return sum(measure.value(days[day]) for day in inside if day in days)
