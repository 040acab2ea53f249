"""Budgets: what callers may use up in a day, week or month, held by the verbs that call models and draw pictures."""

from providers.relay.budgets.estimates import of_call
from providers.relay.budgets.holds import (
    Hold,
    Used,
    check_left,
    check_not_empty,
    reserve,
    reserve_blocking,
    taken_over,
)

__all__ = ["Hold", "Used", "check_left", "check_not_empty", "of_call", "reserve", "reserve_blocking", "taken_over"]
