"""The content of /metrics: requests and their durations in all processes, and the state of the site from the database.

With several processes the counters are stored in files of `PROMETHEUS_MULTIPROC_DIR`, which `serve --workers` sets
before this module is imported; each scrape adds them up.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.values import ValueClass

from chat.models import Message
from imagegen.models import ImageJob
from providers import runtime
from providers.models import Connection
from providers.relay.operations import OPERATIONS, PREFIXES
from webui.monitoring import budgets
from webui.monitoring.calls import CallMetrics

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
OPEN_STATES = ("pending", "streaming")

# A fixed set of areas, because callers choose paths, and every label value stays in memory.
CALLS = ("chat/completions", "images/generations", "images/edits", "models")
EXACT = {
    **{f"{prefix}/{call}": call for prefix in (*PREFIXES, "/api") for call in CALLS},
    **{path: operation.path for operation in OPERATIONS.values() for path in operation.paths},
}
STARTS = (
    ("/static/", "static"),
    ("/api/v1/files", "files"),
    ("/api/v1/images", "images"),
    ("/api/v1/chats", "chats"),
    ("/admin/", "admin"),
    ("/accounts/", "accounts"),
    ("/api/", "api"),
    ("/ollama/", "api"),
    ("/openai/", "api"),
    ("/v1/", "api"),
)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def area_of(path: str) -> str:
    exact = EXACT.get(path)
    if exact:
        return exact
    for start, area in STARTS:
        if path.startswith(start):
            return area
    return "pages"


class RequestMetrics:
    """The requests of this process and their durations."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "webui_requests", "HTTP requests answered", ["area", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "webui_request_seconds",
            "From the request to the last byte of its answer",
            ["area"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        # By labels, because the library's own look-up takes a lock and makes texts.
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._durations: dict[str, Any] = {}

    def count(self, area: str, method: str, status: int, seconds: float) -> None:
        key = (area, method if method in METHODS else "OTHER", status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(area, key[1], str(status))
            self._durations[area] = self._seconds.labels(area)
        counter.inc()
        self._durations[area].observe(seconds)


def count_request(scope: Any, status: int, seconds: float) -> None:
    """Count a request by its ASGI scope, its status (0 where none was sent), and how long it took."""
    runtime.state(RequestMetrics).count(area_of(scope["path"]), scope["method"], status, seconds)


class RowGauges:
    """Gauges that are read from rows at each scrape, so that every process reports the same."""

    def collect(self) -> Iterator[Metric]:
        replies = Message.objects.filter(status__in=OPEN_STATES).count()
        yield GaugeMetricFamily("webui_replies_running", "Answers being written", value=replies)
        jobs = GaugeMetricFamily("webui_image_jobs", "Picture jobs that are not done", labels=["state"])
        by_state = dict(
            ImageJob.objects.filter(state__in=ImageJob.OPEN).values_list("state").annotate(Count("pk")).order_by()
        )
        for state in ImageJob.OPEN:  # also those without a job: alerts need their zero
            jobs.add_metric([state], by_state.get(state, 0))
        yield jobs
        yield from budgets.collect()
        up = GaugeMetricFamily(
            "webui_connection_up", "1 when the connection's last call succeeded", labels=["connection"]
        )
        for row in Connection.objects.filter(enabled=True).only("name", "last_ok", "last_error"):
            up.add_metric([row.name], 1 if row.last_ok and not row.last_error else 0)
        yield up

    def describe(self) -> list[Metric]:
        return []


def page() -> bytes:
    """All metrics in Prometheus' text format."""
    calls = runtime.state(CallMetrics)
    calls.look()
    if ValueClass.__name__ == "MmapedValue":
        counters = CollectorRegistry()
        multiprocess.MultiProcessCollector(counters)  # type: ignore[no-untyped-call]
        own = b""  # among these
    else:
        counters = runtime.state(RequestMetrics).registry
        own = generate_latest(calls.registry)
    rows = CollectorRegistry(auto_describe=False)
    rows.register(RowGauges())  # type: ignore[arg-type]
    return generate_latest(counters) + own + generate_latest(rows)
