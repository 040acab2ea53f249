"""The policy of a call: which addresses it may reach, how long it may take, which certificates it trusts."""

import ipaddress
import ssl
import time
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from urllib.parse import urlsplit

from providers.errors import AddressRefused, ConfigurationError
from providers.sentences import sentence as _

LONGEST_LINE = 2**16  # bytes of a line in the head of a response, in every client: the limit of Python's own
NAT64 = ipaddress.ip_network("64:ff9b::/96")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Reach(Enum):
    """The origin of an address, which decides what it may reach."""

    CONFIGURED = "configured"  # from an administrator: private networks are allowed
    PUBLIC = "public"  # from users, models or responses: the public internet only, checked when connecting


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes; None is no limit. All but `idle` count from the start of the call: `providers.http.pace`."""

    connect: float | None = 10
    first_byte: float | None = 300  # to the head of the response, and to the beginning of its body
    idle: float | None = 300  # between the steps of a body
    total: float | None = None
    max_bytes: int | None = None  # of the body, once decoded

    def for_whole(self) -> "Limits":
        """The limits of a body that comes in one piece: the longest wait of a stream is the time for all of it."""
        return _for_whole(self)

    def after(self, started: float) -> "Limits":
        """The limits of a further call that belongs to the one which began at `started` (`time.monotonic`)."""
        if self.total is None:
            return self
        return replace(self, total=max(0.001, self.total - (time.monotonic() - started)))


@lru_cache(maxsize=64)
def _for_whole(limits: Limits) -> Limits:
    if limits.total is not None or limits.first_byte is None or limits.idle is None:
        return limits
    return replace(limits, total=max(limits.first_byte, limits.idle))


def soonest(first: float | None, second: float | None) -> float | None:
    """The shorter of two limits; None without any."""
    if first is None or second is None:
        return first if second is None else second
    return first if first < second else second


@dataclass(frozen=True, slots=True)
class Tls:
    """Whether certificates are checked, and a PEM file of more authorities; empty: the system's."""

    verify: bool = True
    ca_file: str = ""


def origin(url: str) -> str:
    """`scheme://host:port` in lower case, always with a port; empty for anything but an http(s) address."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""


def is_public(address: str) -> bool:
    """Whether an IP address, as the resolver returned it, belongs to the public internet.

    IPv6 addresses that contain an IPv4 address (mapped, 6to4, NAT64, Teredo) are judged by that address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        contained = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if contained:
            return is_public(str(contained))
    # `is_global` alone lets multicast pass; `is_reserved` covers addresses that no registry has assigned.
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def vet(address: str) -> None:
    """Raise AddressRefused outside the public internet. Call it with the address that the socket then connects to."""
    if not is_public(address):
        raise AddressRefused(_("The address leads into a private network, which is not allowed here."))


@lru_cache(maxsize=64)
def tls_context(tls: Tls) -> ssl.SSLContext | bool:
    """The value of aiohttp's `ssl`: True: the system's certificates, False: no check. Raises ConfigurationError."""
    if not tls.verify:
        return False
    if not tls.ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(_("The connection's CA file cannot be read.")) from error
