"""Who shares an address."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

_CUSTOMER_BITS = 64  # of IPv6: one customer has all addresses below


def address_of(connection: HTTPConnection) -> str:
    """The client's, as `network_of` gives it."""
    return network_of(connection.client.host) if connection.client else "local"


@lru_cache(maxsize=4096)
def network_of(host: str) -> str:
    """The address itself; of IPv6 the customer's network. Anything else stays as it is, cut."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if address.version == 4:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((host.partition("%")[0], _CUSTOMER_BITS), strict=False))
