"""Cache-Status field (RFC 9211), without a cache key."""

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.http.headers import CACHING_HEADERS

CACHE_NAME = "halo-gateway"

#: Reason for an upstream request (RFC 9211 section 2.2); empty if there was none and no hit.
ForwardReason = Literal["bypass", "method", "uri-miss", "request", "stale", ""]
#: Parameter of the field -> outcome of the cache; the first parameter that is present decides.
_OUTCOMES = {
    "detail=practice-away": "stale",
    "detail=revalidating": "stale",
    "hit": "hit",
    "collapsed": "collapsed",
    "stored": "miss",
    "fwd=method": "write",
    "fwd=bypass": "bypass",
}


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """Decision of the cache on one request.

    A hit has `forward` None and `ttl`, the seconds until it is stale; a forwarded request has a reason and
    the upstream's `status`. If the gateway responded by itself, `forward` is empty and `detail` says why.
    """

    forward: ForwardReason | None = None
    ttl: int | None = None
    status: int | None = None
    stored: bool = False
    collapsed: bool = False
    detail: str = ""

    @property
    def header_value(self) -> str:
        """Value of the Cache-Status field."""
        parts = (
            "hit" if self.forward is None else self.forward and f"fwd={self.forward}",
            "" if self.status is None else f"fwd-status={self.status}",
            "" if self.ttl is None else f"ttl={self.ttl}",
            "stored" if self.stored else "",
            "collapsed" if self.collapsed else "",
            f"detail={self.detail}" if self.detail else "",
        )
        return "; ".join((CACHE_NAME, *filter(None, parts)))


#: Value for a request that the gateway answered before the cache.
NOT_CONSULTED = CacheStatus("", detail="local").header_value


def upstream_query_saved_by(header_value: str) -> Literal["hit", "collapsed", ""]:
    """Return how a Cache-Status value says that an upstream query was saved; empty if a query was made."""
    parameters = {parameter.strip() for parameter in header_value.split(";")}
    return "hit" if "hit" in parameters else "collapsed" if "collapsed" in parameters else ""


def forward_status(failure: Failure, forward: ForwardReason, *, collapsed: bool = False) -> CacheStatus:
    """Return the status of a failed request: forwarded, unless the gateway itself rejected it."""
    if failure.upstream_response is None and not failure.kind.may_have_run:
        return CacheStatus("", detail=failure.kind.code)
    status = failure.upstream_response.status if failure.upstream_response else None
    return CacheStatus(forward, status=status, collapsed=collapsed)


@lru_cache(256)
def cache_outcome(header_value: str, status: int) -> str:
    """Outcome of the cache for statistics; empty if the request did not reach the cache.

    `hit`, `revalidated` (304 from the cache), `stale`, `collapsed`, `miss` (fetched and stored), `not-stored`
    (fetched only), `write`, `bypass` (not cacheable).
    """
    parameters = [parameter.strip() for parameter in header_value.split(";")]
    outcome = next((code for name, code in _OUTCOMES.items() if name in parameters), "")
    if not outcome and any(parameter.startswith("fwd=") for parameter in parameters):
        return "not-stored"
    return "revalidated" if outcome == "hit" and status == HTTPStatus.NOT_MODIFIED else outcome


#: Header fields about the upstream's and other caches.
_FOREIGN_HEADERS = frozenset({"cache-status", *CACHING_HEADERS})


def with_own_cache_status(response: FhirResponse, status: CacheStatus) -> FhirResponse:
    """Return an upstream's response with this Cache-Status, without fields of other caches, in one copy."""
    own = [field for field in response.headers if field[0] not in _FOREIGN_HEADERS]
    return response.replace(headers=(*own, ("cache-status", status.header_value)))


def with_cache_status(failure: Failure, status: CacheStatus, age: int | None = None) -> Failure:
    """Copy a failure shared by several requests, with Cache-Status and Age (in seconds) of one request."""
    age_header = () if age is None else (("age", str(age)),)
    copy = failure.with_headers(("cache-status", status.header_value), *age_header)
    response = failure.upstream_response
    return copy.with_response(response and response.with_header("cache-status", status.header_value))
