"""Rows of the gateway: connections, models, keys, pulls, sign-ins, rate limits, budgets, prices, clips, usage."""

from providers.models.budgets import Budget, BudgetNotice
from providers.models.chat_models import PEOPLES, ChatModel, FallbackReason, ModelAccess, ModelSource, SourceOrder
from providers.models.daily_totals import UsageTotal
from providers.models.gateway_settings import GatewaySettings
from providers.models.keys import KEY_PREFIX, ClientKey, key_digest
from providers.models.made_responses import MadeResponse
from providers.models.model_pulls import ModelPull
from providers.models.prices import Price
from providers.models.rate_limits import RateLimit
from providers.models.servers import (
    HEALTH_FIELDS,
    Access,
    Connection,
    ServerRow,
    SharedAccess,
    auth_type_choices,
    kind_choices,
)
from providers.models.sign_ins import SignIn
from providers.models.speech_clips import SpeechClip
from providers.models.usage_records import UsageRecord
from providers.versioning import ConfigVersion

__all__ = [
    "HEALTH_FIELDS",
    "KEY_PREFIX",
    "PEOPLES",
    "Access",
    "Budget",
    "BudgetNotice",
    "ChatModel",
    "ClientKey",
    "ConfigVersion",
    "Connection",
    "FallbackReason",
    "GatewaySettings",
    "MadeResponse",
    "ModelAccess",
    "ModelPull",
    "ModelSource",
    "Price",
    "RateLimit",
    "ServerRow",
    "SharedAccess",
    "SignIn",
    "SourceOrder",
    "SpeechClip",
    "UsageRecord",
    "UsageTotal",
    "auth_type_choices",
    "key_digest",
    "kind_choices",
]
