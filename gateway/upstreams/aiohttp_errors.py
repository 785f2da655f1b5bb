"""Errors of aiohttp: the kind of failure, and its reason as a word from a closed list."""

import aiohttp

from gateway.errors import catalog
from gateway.errors.failure import FailureKind
from gateway.upstreams.connection_errors import connection_problem

#: Exception after the connection was there, kind of failure and reason; first match wins.
_LATER_KINDS: tuple[tuple[type[BaseException], FailureKind, str], ...] = (
    (aiohttp.ServerDisconnectedError, catalog.UPSTREAM_RESET, "closed"),
    (TimeoutError, catalog.UPSTREAM_TIMEOUT, "no-response"),
    (aiohttp.InvalidURL, catalog.UPSTREAM_CONNECT, "invalid-url"),
    (aiohttp.ClientPayloadError, catalog.UPSTREAM_RESET, "body-incomplete"),
    (aiohttp.ClientResponseError, catalog.UPSTREAM_RESET, "not-http"),
    (OSError, catalog.UPSTREAM_RESET, "reset"),
)


def error_text(error: BaseException) -> str:
    """Return the code and the reason of an error of aiohttp, as `upstream-certificate expired`."""
    kind, reason = error_kind(error)
    return f"{kind.code} {reason}"


def error_kind(error: BaseException) -> tuple[FailureKind, str]:
    """Return the kind of failure of an error of aiohttp, and its reason."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return catalog.UPSTREAM_UNKNOWN_HOST, "name-not-resolved"
    if isinstance(error, aiohttp.ConnectionTimeoutError | aiohttp.ClientConnectorError):
        return connection_problem(error)
    rows = ((kind, reason) for type_, kind, reason in _LATER_KINDS if isinstance(error, type_))
    return next(rows, (catalog.UPSTREAM_RESET, "broken"))
