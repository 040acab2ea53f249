"""Lists of networks, one a line: `10.0.0.0/8`, `2001:db8::/32`, or a single address."""

import ipaddress

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from providers.matching.patterns import lines_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_LINES = 100


def checked(text: str) -> str:
    """The networks as they are stored, in their usual spelling. Raises ValidationError for any other line."""
    lines = lines_of(text)
    if len(lines) > MAX_LINES:
        raise ValidationError(_("Enter at most %(count)s lines."), "too_many", {"count": MAX_LINES})
    networks = []
    for line in lines:
        network = _network(line)
        if network is None:
            raise ValidationError(
                _("“%(value)s” is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32."),
                "network",
                {"value": line[:100]},
            )
        networks.append(str(network) if network.num_addresses > 1 else str(network.network_address))
    return "\n".join(dict.fromkeys(networks))


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks of stored lines. A line that is none allows nothing."""
    return tuple(network for line in lines_of(text) if (network := _network(line)) is not None)


def are_around(networks: tuple[Network, ...], address: str) -> bool:
    """Whether one of the networks contains the address; false for text that is no address."""
    parsed = address_of(address)
    return parsed is not None and any(parsed in network for network in networks)


def address_of(text: str) -> Address | None:
    """The address in a text; an IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is an IPv4 address.

    Proxies may append the port (Azure's Application Gateway does), and the system an IPv6 interface: both are left out.
    None for other texts.
    """
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(line: str) -> Network | None:
    try:
        network = ipaddress.ip_network(line, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network
