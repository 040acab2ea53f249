"""The first page of the administration: health, usage, findings, and the next steps of the set-up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.db.models import Count, Model, Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat.pages import welcome
from imagegen.models import ImageEngine
from providers import runtime
from providers.callers import caller_for_user
from providers.catalogue import health
from providers.models import Connection, UsageRecord
from providers.process import file_store, outages
from webui.monitoring.health import RunningChecks
from webui.version import VERSION

DAYS = 7
UNPRICED = 10  # names of models in the finding about prices
STATES = ("failing", "unknown", "ok", "off")  # order of connections and engines: those with a problem first
CHART_HEIGHT = 100  # units of the drawing, scaled by the style sheet


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The health of one connection or engine: `state` for the style sheet, `words` for people."""

    name: str
    url: str
    state: str  # ok, failing, unknown, off
    words: str
    error: str
    checked: Any
    demo: bool
    detail: str


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of `admin/index.html`, by Unfold's hook; each part only for people who may see its rows."""
    user: Any = request.user
    context["version"] = VERSION
    if user.has_perm("providers.view_connection"):
        context["connections"] = connection_lines()
        context["may_add_connection"] = user.has_perm("providers.add_connection")
        if user.has_perms(("providers.delete_connection", "imagegen.delete_imageengine")):
            context["has_demo"] = any(model.objects.filter(demo=True).exists() for model in (Connection, ImageEngine))
    if user.has_perm("imagegen.view_imageengine"):
        context["engines"] = engine_lines()
    if user.has_perm("providers.view_usagerecord"):
        context |= usage()
    failing = [
        line for line in (*context.get("connections", ()), *context.get("engines", ())) if line.state == "failing"
    ]
    context["findings"] = [_finding(line) for line in failing]
    if user.has_perm("providers.view_usagerecord"):
        may_see_prices = user.has_perm("providers.view_price") or user.has_perm("providers.change_price")
        context["findings"] += models_without_price(with_link=may_see_prices)
    if user.is_superuser:
        context["findings"] = [*findings(), *context["findings"]]
        context["steps"] = welcome.steps(caller_for_user(user))
    return context


def _finding(line: ServerStatus) -> dict[str, str]:
    text = _("“%(name)s” does not work at the moment.") % {"name": line.name}
    return {"level": "error", "text": text, "hint": line.error, "url": line.url}


def connection_lines() -> list[ServerStatus]:
    rows: Any = Connection.objects.annotate(models_now=Count("sources", filter=Q(sources__listed=True)))
    return _in_order(
        _line(row, ngettext("%(count)d model", "%(count)d models", row.models_now) % {"count": row.models_now})
        for row in rows
    )


def engine_lines() -> list[ServerStatus]:
    return _in_order(_line(row, str(row.get_kind_display())) for row in ImageEngine.objects.all())


def _in_order(lines: Iterable[ServerStatus]) -> list[ServerStatus]:
    return sorted(lines, key=lambda line: STATES.index(line.state))


def _line(row: Any, detail: str) -> ServerStatus:
    state, words = health.state_of(row)
    error = health.cause(row) if state == "failing" else ""
    detail = detail if detail != row.name else ""
    return ServerStatus(row.name, _change_url(row), state, words, error, row.last_checked, row.demo, detail)


def _change_url(row: Model) -> str:
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:  # the model is not in the administration
        return ""


def usage() -> dict[str, Any]:
    """Totals of the last days and a bar for each day: {totals: {...}, bars: [{day, calls, tokens, height, x, y}]}."""
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    since = timezone.now() - timedelta(days=DAYS)
    records = UsageRecord.objects.filter(when__gte=since)
    rows: Any = (
        records.annotate(day=TruncDate("when"))
        .values("day")
        .annotate(calls=Count("pk"), total_in=Sum("tokens_in"), total_out=Sum("tokens_out"))
        .order_by("day")
    )
    per_day: dict[date, dict[str, Any]] = {row["day"]: row for row in rows}
    totals = records.aggregate(
        calls=Count("pk"),
        failed=Count("pk", filter=Q(status__gte=400) & ~Q(status=499)),
        tokens_in=Sum("tokens_in"),
        tokens_out=Sum("tokens_out"),
        images=Sum("images"),
        people=Count("user", filter=Q(user__is_active=True), distinct=True),
    )
    most = max((row["calls"] for row in per_day.values()), default=0) or 1
    bars = []
    for number, day in enumerate(days):
        row = per_day.get(day, {})
        calls = row.get("calls", 0)
        height = round(CHART_HEIGHT * calls / most)
        tokens = (row.get("total_in") or 0) + (row.get("total_out") or 0)
        bars.append(
            {
                "day": day,
                "calls": calls,
                "tokens": tokens,
                "x": number * 40,
                "y": CHART_HEIGHT - height,
                "height": height,
            }
        )
    return {
        "bars": bars,
        "usage_days": DAYS,
        "totals": {name: value or 0 for name, value in totals.items()},
        "accounts": get_user_model().objects.people().filter(is_active=True).count(),
    }


def models_without_price(*, with_link: bool) -> list[dict[str, str]]:
    """A finding that names the models of the last days whose calls have no known cost; none where all have."""
    counted = Q(tokens_in__gt=0) | Q(tokens_out__gt=0) | Q(images__gt=0) | Q(characters__gt=0) | Q(seconds__gt=0)
    since = timezone.now() - timedelta(days=DAYS)
    records = UsageRecord.objects.filter(counted, when__gte=since, cost=None, connection__isnull=False, status__lt=400)
    names = list(records.order_by().values_list("model", flat=True).annotate(calls=Count("pk")).order_by("-calls"))
    if not names:
        return []
    text = _("No price is known for what was used of: %(models)s") % {"models": ", ".join(names[:UNPRICED])}
    more = "" if len(names) <= UNPRICED else " …"
    hint = _("Their costs are unknown, not zero. Enter prices, also for what costs nothing.")
    url = reverse("admin:providers_price_changelist") if with_link else ""
    return [{"level": "warning", "text": text + more, "hint": hint, "url": url}]


def findings() -> list[dict[str, str]]:
    """The site's own outages now, and the findings of its checks (`webui.checks`)."""
    is_well = runtime.state(RunningChecks).results()["files"] == "ok"
    trouble = [] if is_well else [(file_store.known_trouble() or outages.files_away()).message]
    return [*({"level": "error", "text": text, "hint": ""} for text in trouble), *_check_findings()]


def _check_findings() -> list[dict[str, str]]:
    messages = checks.run_checks(tags=["webui"], include_deployment_checks=not settings.DEBUG, databases=["default"])
    return [
        {
            "level": "error" if message.level >= checks.ERROR else "warning",
            "text": str(message.msg),
            "hint": str(message.hint or ""),
        }
        for message in messages
        if not message.is_silenced()
    ]
