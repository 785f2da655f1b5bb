"""Host names of the operators' port.

A page of a stranger can let its own name resolve to the operators' port, and then read it through an
operator's browser (DNS rebinding). The browser still sends that name: requests to unknown names are refused.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.settings import Admin
from gateway.web.errors import rejection_response

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.\-]+))(?::\d{1,5})?", re.ASCII)
_ORIGIN: Final = re.compile(r"https?://(.*)", re.ASCII)
_LOCAL_NAME: Final = "localhost"


def names_of(admin: Admin) -> frozenset[str]:
    """Return the host names by which operators reach the port: those of the settings and localhost."""
    listen = (admin.listen or "").rpartition(":")[0]
    return frozenset(filter(None, (_LOCAL_NAME, listen.lower(), *admin.hosts)))


def is_allowed(hosts: Iterable[str], origins: Iterable[str], names: frozenset[str]) -> bool:
    """Whether there is one Host field, and it and every Origin contain an IP address or one of the names."""
    host_list = list(hosts)
    origin_hosts = (_ORIGIN.fullmatch(origin) for origin in origins)
    return len(host_list) == 1 and all(
        _is_known_host(host, names)
        for host in (*host_list, *(match[1] if match else "" for match in origin_hosts))
    )


def _is_known_host(host: str, names: frozenset[str]) -> bool:
    match = _HOST.fullmatch(host)
    name = (match[1] or match[2]).lower().rstrip(".") if match else ""
    return name in names or _is_ip_address(name)


def _is_ip_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class AllowedHosts:
    """Middleware that refuses requests to other names with 421 (RFC 9110 section 15.5.20)."""

    def __init__(
        self,
        app: ASGIApp,
        names: frozenset[str],
        refuse: Callable[[Failure, Request], Response] = rejection_response,
    ) -> None:
        self._app = app
        self._names = names
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        request = Request(scope, receive)
        if is_allowed(request.headers.getlist("host"), request.headers.getlist("origin"), self._names):
            await self._app(scope, receive, send)
        else:
            await self._refuse(Failure(catalog.HOST_UNKNOWN), request)(scope, receive, send)
