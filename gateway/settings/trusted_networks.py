"""Value type of networks whose hosts the gateway trusts, as reverse proxies or as clients of an app."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import Annotated, Final

from pydantic import AfterValidator, Field

Network = IPv4Network | IPv6Network
#: Shortest prefix of a network, by IP version.
_MIN_PREFIX: Final = {4: 8, 6: 16}
#: Unique local addresses (RFC 4193): no stranger has one.
_LOCAL_IPV6: Final = IPv6Network("fc00::/7")
#: IPv4 addresses written as IPv6 (RFC 4291 section 2.5.5.2).
_MAPPED_IPV4: Final = IPv6Network("::ffff:0:0/96")
_MAX_NETWORKS: Final = 1_000


def _check_size(networks: tuple[Network, ...]) -> tuple[Network, ...]:
    """Return the networks. Raises ValueError if one, or neighbours together, contain strangers' addresses."""
    if any(map(_is_too_large, _join_neighbours(networks))):
        raise ValueError(
            "a network is larger than /8 (IPv4) or /16 (IPv6), so it contains addresses of strangers: name"
            " smaller networks, of your own proxies or clients only"
        )
    return networks


def _join_neighbours(networks: tuple[Network, ...]) -> Iterator[Network]:
    yield from collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    yield from collapse_addresses(network for network in networks if isinstance(network, IPv6Network))


def _is_too_large(network: Network) -> bool:
    if isinstance(network, IPv6Network) and network.overlaps(_MAPPED_IPV4):
        return network.prefixlen < _MAPPED_IPV4.prefixlen + _MIN_PREFIX[4]
    is_local = isinstance(network, IPv6Network) and network.subnet_of(_LOCAL_IPV6)
    return network.prefixlen < _MIN_PREFIX[network.version] and not is_local


TrustedNetworks = Annotated[tuple[Network, ...], Field(max_length=_MAX_NETWORKS), AfterValidator(_check_size)]
