"""Our errors for what the HTTP libraries raise. They name no host, because it may be private."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from providers.errors import AddressRefused, NetworkError, ProviderError, UpstreamTimeout

UNREACHABLE = _("The provider cannot be reached: nothing answers at its address.")
UNKNOWN_HOST = _("The provider cannot be reached: its host name is not known.")
UNTRUSTED = _("The provider cannot be reached: its TLS certificate is not trusted.")
NO_TLS = _("The provider cannot be reached: it does not speak TLS at this address.")
BROKEN = _("The provider closed the connection before its answer was complete.")
NOT_HTTP = _("The provider's answer is not HTTP. Check its address.")


def timeout_error() -> UpstreamTimeout:
    return UpstreamTimeout(_("The provider took too long to answer."))


def network_error(reason: str | Promise) -> NetworkError:
    return NetworkError(reason)


def unusable_address() -> AddressRefused:
    return AddressRefused(_("This is not a valid address. It must begin with http:// or https://."))


def too_large() -> ProviderError:
    return ProviderError(_("The provider's answer is larger than allowed."), code="answer_too_large")
