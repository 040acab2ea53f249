"""The metric of budgets that are nearly spent. It is read from counters and usage records at most once a minute."""

import threading
import time
from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily, Metric

from providers import runtime
from providers.errors import GatewayError
from providers.relay.budgets.nearly_spent import nearly_spent

PER_CENT = 80
KEPT_SECONDS = 60.0
KEPT_TIMES = 100  # as long as it took: reading takes at most a hundredth of the time


class KnownBudgets:
    """What this process read last."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.until = 0.0
        self.lock = threading.Lock()

    def read(self) -> dict[str, int]:
        """The numbers by target; those of before while another thread reads, or the database is away."""
        if time.monotonic() >= self.until and self.lock.acquire(blocking=False):
            try:
                started = time.monotonic()
                self.numbers = nearly_spent(PER_CENT)
                ended = time.monotonic()
                self.until = ended + max(KEPT_SECONDS, KEPT_TIMES * (ended - started))
            except (DatabaseError, GatewayError):
                self.until = time.monotonic() + KEPT_SECONDS
            finally:
                self.lock.release()
        return self.numbers


def collect() -> Iterator[Metric]:
    gauge = GaugeMetricFamily(
        "webui_budgets_over_80_percent",
        "Budgets of which 80 % and more is used in this period, by whom they are for (everyone: people)",
        labels=["for"],
    )
    for target, number in runtime.state(KnownBudgets).read().items():
        gauge.add_metric([target], number)
    yield gauge
