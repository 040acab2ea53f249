"""Metrics of the calls to providers: how many, tokens, cost and time to the first byte, by connection and model.

They are counted by the thread that writes the usage records, from what it has written.
"""

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from providers import catalogue, runtime
from providers.errors import GatewayError
from providers.relay.response import open_calls
from providers.relay.usage import CallUsage, written

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
MOST_VALUES = {"connection": 100, "model": 200, "code": 50}  # of a label; callers choose models and providers codes
OTHER = "other"


class Labels:
    """The values of a label that have counters of their own; what comes after the first ones is `other`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.known: set[str] = set()

    def value(self, text: str) -> str:
        if text not in self.known:
            if len(self.known) >= self.most:
                return OTHER
            self.known.add(text)
        return text


class CallMetrics:
    """The calls of this process, as its usage records tell them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.labels = {name: Labels(most) for name, most in MOST_VALUES.items()}
        of_model = ["connection", "model"]
        self.calls = Counter(
            "webui_calls",
            "Calls to providers by connection, model and outcome (ok, or the code of the error)",
            [*of_model, "code"],
            registry=self.registry,
        )
        self.tokens = Counter(
            "webui_call_tokens",
            "Tokens sent (in) and received (out)",
            [*of_model, "direction"],
            registry=self.registry,
        )
        self.cost = Counter(
            "webui_call_cost_dollars", "What calls cost, where it is known", of_model, registry=self.registry
        )
        self.first_byte = Histogram(
            "webui_call_first_byte_seconds",
            "From the call to the first byte of the provider's answer",
            ["connection"],
            buckets=BUCKETS,
            registry=self.registry,
        )

        self.open = Gauge(
            "webui_calls_open",
            "Calls to providers under way, streams for the most part",
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    def look(self) -> None:
        """Note how many calls are open; other processes do so when they write usage records."""
        self.open.set(open_calls())

    def count(self, calls: Sequence[CallUsage]) -> None:
        """Count a batch. Sums are made first, because the library's look-up of labels costs more than all the rest."""
        names = _names()
        self.look()
        sums: dict[Any, dict[tuple[str, ...], float]] = {metric: {} for metric in (self.calls, self.tokens, self.cost)}
        waits: dict[str, list[int]] = {}

        def add(metric: Counter, number: float, *labels: str) -> None:
            sums[metric][labels] = sums[metric].get(labels, 0) + number

        for call in calls:
            connection = self.labels["connection"].value(names.get(call.connection_id, "none"))
            model = self.labels["model"].value(call.model)
            add(self.calls, 1, connection, model, self.labels["code"].value(_code(call)))
            if call.tokens_in:
                add(self.tokens, call.tokens_in, connection, model, "in")
            if call.tokens_out:
                add(self.tokens, call.tokens_out, connection, model, "out")
            if call.cost:
                add(self.cost, float(call.cost), connection, model)
            if call.first_byte_ms is not None:
                waits.setdefault(connection, []).append(call.first_byte_ms)
        for metric, numbers in sums.items():
            for labels, number in numbers.items():
                metric.labels(*labels).inc(number)
        for connection, milliseconds in waits.items():
            observe = self.first_byte.labels(connection).observe
            for wait in milliseconds:
                observe(wait / 1000)


def connect() -> None:
    written.connect(_count, dispatch_uid="call-metrics")


def _count(*, calls: Sequence[CallUsage], **_kwargs: Any) -> None:
    runtime.state(CallMetrics).count(calls)


def _code(call: CallUsage) -> str:
    return "ok" if call.status < 400 else call.error_code or str(call.status)


def _names() -> dict[int | None, str]:
    """The names of the connections by their ids; those that are switched off are `none`."""
    try:
        return {pk: facts.name for pk, facts in catalogue.snapshot_blocking().connections.items()}
    except GatewayError:
        return {}
