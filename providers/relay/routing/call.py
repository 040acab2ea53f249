"""A call under way."""

from dataclasses import dataclass
from typing import Any

from providers.facts import Snapshot
from providers.relay import budgets, rate_limits
from providers.relay.operations import Operation
from providers.relay.request import RelayRequest


@dataclass(slots=True)
class RelayCall:
    """A call, with what was decided when it began."""

    request: RelayRequest
    operation: Operation
    snapshot: Snapshot
    admission: rate_limits.Admission | None
    unpacked: bool  # for whoever reads the body; others pass on what the provider packed as it is
    remembered: Any = None  # of the operation's cache, under the idempotency key
    hold: budgets.Hold | None = None  # what it reserves of the caller's budgets
