"""The first page of the administration: health, usage, findings, and the next steps of the set-up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.db.models import Count, Exists, Model, OuterRef, Q
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
from providers.models import Connection, UsageRecord, UsageTotal
from providers.process import file_store, outages
from providers.relay.usage import totals
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
    """Totals of the last days and a bar for each day: {total, people, bars: [{day, calls, tokens, height, x, y}]}."""
    days = _days()
    per_day = {day: total for (day,), total in totals.grouped((totals.DAY,), days[0], days[-1]).items()}
    most = max((total.calls for total in per_day.values()), default=0) or 1
    bars = []
    for number, day in enumerate(days):
        total = per_day.get(day, totals.Total())
        height = round(CHART_HEIGHT * total.calls / most)
        bars.append(
            {
                "day": day,
                "calls": total.calls,
                "tokens": total.tokens_in + total.tokens_out,
                "x": number * 40,
                "y": CHART_HEIGHT - height,
                "height": height,
            }
        )
    return {
        "bars": bars,
        "usage_days": DAYS,
        "total": totals.summed(per_day.values()),
        "people": _people_who_called(days[0]),
        "accounts": get_user_model().objects.people().filter(is_active=True).count(),
    }


def _days() -> list[date]:
    """The last days, today included."""
    today = timezone.localdate()
    return [today - timedelta(days=back) for back in reversed(range(DAYS))]


def _people_who_called(since: date) -> int:
    """How many active accounts called a model since a day."""
    called = UsageRecord.objects.filter(user=OuterRef("pk"), when__gte=totals.midnight(since))
    before = UsageTotal.objects.filter(user=OuterRef("pk"), day__gte=since)
    return get_user_model().objects.filter(Exists(called) | Exists(before), is_active=True).count()


def models_without_price(*, with_link: bool) -> list[dict[str, str]]:
    """A finding that names the models of the last days whose calls have no known cost; none where all have."""
    days = _days()
    rows = totals.grouped(("model",), days[0], days[-1])
    unpriced = {model: total.unpriced for (model,), total in rows.items() if total.unpriced}
    names = sorted(unpriced, key=lambda model: -unpriced[model])
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
