"""The lists of what people may use: rate limits and budgets."""

from providers.admin.limits.budgets import BudgetAdmin
from providers.admin.limits.rate_limits import RateLimitAdmin

__all__ = ["BudgetAdmin", "RateLimitAdmin"]
