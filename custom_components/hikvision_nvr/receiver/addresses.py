"""IP addresses of peers, in one spelling."""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network


def parse_address(text: str) -> Address:
    """Return an address without zone, IPv4 also when mapped into IPv6 (RFC 4291).

    Raises ValueError.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return networks; a single address is a network of one. Raises ValueError."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def owner(address: Address) -> str:
    """Return what stands for the host behind an address.

    A host on an IPv6 network can use any address of its /64.
    """
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False).network_address)
