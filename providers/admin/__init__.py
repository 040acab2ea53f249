"""The administration of the gateway, one file per list."""

from providers.admin.connections import ConnectionAdmin
from providers.admin.keys import ClientKeyAdmin
from providers.admin.limits import BudgetAdmin, RateLimitAdmin
from providers.admin.models import ChatModelAdmin
from providers.admin.prices import PriceAdmin
from providers.admin.settings import GatewaySettingsAdmin
from providers.admin.usage import UsageRecordAdmin

__all__ = [
    "BudgetAdmin",
    "ChatModelAdmin",
    "ClientKeyAdmin",
    "ConnectionAdmin",
    "GatewaySettingsAdmin",
    "PriceAdmin",
    "RateLimitAdmin",
    "UsageRecordAdmin",
]
