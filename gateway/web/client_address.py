"""Address of the client behind a request, also behind trusted proxies: for limits, never for access."""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request

from gateway.settings import Server

#: A client with IPv6 has at least a network of this size, and so as many addresses as it likes.
_IPV6_PREFIX = 64
#: Maximum number of proxies in a row that are looked through.
_MAX_HOPS = 10
#: Maximum number of parsed addresses in memory, and of characters of one.
_MAX_KEPT, _MAX_KEPT_LENGTH = 1_000, 64


def client_address(request: Request, server: Server) -> str:
    """Address of the client: an IPv4 address or an IPv6 network; empty if unknown.

    It is the peer, unless that is a trusted proxy: then the last address in its X-Forwarded-For that is not
    one. Earlier addresses are the client's own words.
    """
    peer = _peer(request)
    if not server.trusted_proxies and len(peer) <= _MAX_KEPT_LENGTH:
        return _kept_name(peer)
    address = _parse_address(peer)
    for hop in _forwarded_hops(request) if server.trusted_proxies else ():
        if not _is_trusted(address, server):
            break
        address = _parse_address(hop) or address
    return _name_of(address) if address else ""


def is_from_trusted_proxy(request: Request, server: Server) -> bool:
    """Whether the peer is one of `server.trusted_proxies`."""
    return bool(server.trusted_proxies) and _is_trusted(_parse_address(_peer(request)), server)


def _peer(request: Request) -> str:
    client = request.client
    return client.host if client else ""


def _forwarded_hops(request: Request) -> Iterator[str]:
    """Addresses of X-Forwarded-For, the last first: each proxy appends that of its own client."""
    fields = ",".join(request.headers.getlist("x-forwarded-for")).rsplit(",", _MAX_HOPS)
    return reversed(fields[-_MAX_HOPS:])


def _is_trusted(address: IPv4Address | IPv6Address | None, server: Server) -> bool:
    return address is not None and any(address in network for network in server.trusted_proxies)


@lru_cache(_MAX_KEPT)
def _name_of(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, also one with a port; an IPv4 address in IPv6 is the IPv4 address."""
    return _kept_address(text) if len(text) <= _MAX_KEPT_LENGTH else _address_in(text)


def _address_in(text: str) -> IPv4Address | IPv6Address | None:
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


#: Most connections carry many requests, and parsing an address takes as long as a handler.
_kept_address = lru_cache(_MAX_KEPT)(_address_in)


@lru_cache(_MAX_KEPT)
def _kept_name(text: str) -> str:
    """Name of the address in a text; empty if it has none."""
    address = _address_in(text)
    return _name_of(address) if address else ""
