"""Exceptions of the HTTP libraries as our errors. Of hosts, which may be private, only that of a redirect is named."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from django.utils.functional import Promise

from providers.errors import (
    AddressRefused,
    ConfigurationError,
    GatewayError,
    NetworkError,
    ProviderError,
    UpstreamTimeout,
)
from providers.http.redaction import Secrets
from providers.process import outages
from providers.sentences import sentence as _

REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})

UNREACHABLE = _("The provider cannot be reached: nothing answers at its address.")
UNKNOWN_HOST = _("The provider cannot be reached: its host name is not known.")
UNTRUSTED = _("The provider cannot be reached: its TLS certificate is not trusted.")
NO_TLS = _("The provider cannot be reached: it does not speak TLS at this address.")
BROKEN = _("The provider closed the connection before its answer was complete.")
BADLY_PACKED = _("The provider's answer is not packed as it says (Content-Encoding), or was cut off.")
NOT_HTTP = _("The provider's answer is not HTTP. Check its address.")


def of(error: BaseException, of_library: Callable[[BaseException], GatewayError | None]) -> GatewayError:
    """Our error for an exception of a client: what its library means by it, else what Python does."""
    if outages.is_used_up(error):
        return outages.overloaded()
    if (known := of_library(error)) is not None:
        return known
    match error:
        case TimeoutError():
            return timeout_error()
        case ssl.SSLCertVerificationError():
            return network_error(UNTRUSTED)
        case ssl.SSLError():
            return network_error(NO_TLS)
        case socket.gaierror():
            return network_error(UNKNOWN_HOST)
        case ConnectionRefusedError():
            return network_error(UNREACHABLE)
        case ValueError():
            return unusable_address()
    return network_error(BROKEN)


def redirected(asked: str, location: str, secrets: Secrets) -> ConfigurationError:
    """The error for a redirect that is not followed: a key must not go to another server."""
    where = ""
    with suppress(ValueError):
        parts = urlsplit(urljoin(asked, location))
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname  # no password
        where = secrets.clean_text(f"{parts.scheme}://{host}{parts.path}")[:200] if location and host else ""
    if where:
        text = _("The provider's address redirects to %(address)s. An administrator has to enter the new address.")
        return ConfigurationError(text % {"address": where}, code="redirected", status=502)
    return ConfigurationError(
        _("The provider's address redirects to another one. An administrator has to enter the new address."),
        code="redirected",
        status=502,
    )


def timeout_error() -> UpstreamTimeout:
    return UpstreamTimeout(_("The provider took too long to answer."))


def network_error(reason: str | Promise) -> NetworkError:
    return NetworkError(reason)


def unusable_address() -> AddressRefused:
    return AddressRefused(_("This is not a valid address. It must begin with http:// or https://."))


def too_large() -> ProviderError:
    return ProviderError(_("The provider's answer is larger than allowed."), code="answer_too_large")
