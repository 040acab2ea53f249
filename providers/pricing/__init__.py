"""What calls cost, in US dollars: prices from three places, and the arithmetic."""

from providers.pricing.costs import cost_of, estimate
from providers.pricing.rates import Quantities, Rates

__all__ = ["Quantities", "Rates", "cost_of", "estimate"]
