"""The response to a call, whose receiver reads it in pieces and must close it."""

from providers.relay.response.access import open_calls
from providers.relay.response.base import RelayResponse, WrappedResponse
from providers.relay.response.provider import ProviderResponse
from providers.relay.response.rewritten import RewrittenResponse
from providers.relay.response.site import CachedResponse, EstimatedResponse

__all__ = [
    "CachedResponse",
    "EstimatedResponse",
    "ProviderResponse",
    "RelayResponse",
    "RewrittenResponse",
    "WrappedResponse",
    "open_calls",
]
