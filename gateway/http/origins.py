"""Origins of web pages: scheme, host and port (RFC 6454)."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_MAX_PORT = 65_535
#: Longest origin: the longest host name (RFC 1035 section 2.3.4) with scheme and port.
MAX_ORIGIN_LENGTH: Final = 270
#: Scheme, host and port; a host is a name in ASCII, an IPv4 address, or an IPv6 address in brackets.
_ORIGIN = re.compile(
    r"(https?)://([a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def parse_origin(text: str) -> str | None:
    """Return an origin as browsers write it, or None if it is none that a browser sends for a web page.

    They write scheme and host in lower case, and no default port (RFC 6454 section 6.2). `null`, the origin
    of files and sandboxed frames, is equal to nothing (section 5).
    """
    match = _ORIGIN.fullmatch(text.lower()) if len(text) <= MAX_ORIGIN_LENGTH and text.isascii() else None
    host = _canonical_host(match[2]) if match else None
    if match is None or host is None:
        return None
    port = (match[3] or _DEFAULT_PORTS[match[1]]).lstrip("0")
    if not port or int(port) > _MAX_PORT:
        return None
    return f"{match[1]}://{host}" + ("" if port == _DEFAULT_PORTS[match[1]] else f":{port}")


def _canonical_host(host: str) -> str | None:
    """Return a host as browsers write it, or None for an address that they would write otherwise."""
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        if _NUMBER.fullmatch(host.rpartition(".")[2]):  # a browser reads any such host as an address
            return str(IPv4Address(host))
    except AddressValueError:
        return None
    return host
