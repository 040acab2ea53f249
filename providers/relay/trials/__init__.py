"""What a rate limit or a budget would have stopped during the last days, by the usage records."""

from providers.relay.trials.report import DAYS, Line, Trial
from providers.relay.trials.trial import of_budget, of_rate_limit

__all__ = ["DAYS", "Line", "Trial", "of_budget", "of_rate_limit"]
