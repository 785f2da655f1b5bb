"""What the cache says it did: the Cache-Status field (RFC 9211), without a key."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from gateway.errors.failure import Failure

CACHE_NAME = "halo-gateway"

#: Why a request went upstream, as RFC 9211 section 2.2 names it; empty where it did not and was no hit.
ForwardReason = Literal["bypass", "method", "uri-miss", "request", "stale", ""]
#: What one word of the field says of the whole, the most telling first.
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
    """One decision: a hit with the seconds it is still fresh, or why it was forwarded and what came of it.

    Neither, where the gateway answers itself: `detail` says with what.
    """

    forward: ForwardReason | None = None
    ttl: int | None = None
    status: int | None = None
    stored: bool = False
    collapsed: bool = False
    detail: str = ""

    @property
    def header_value(self) -> str:
        """The field's value."""
        parts = (
            "hit" if self.forward is None else self.forward and f"fwd={self.forward}",
            "" if self.status is None else f"fwd-status={self.status}",
            "" if self.ttl is None else f"ttl={self.ttl}",
            "stored" if self.stored else "",
            "collapsed" if self.collapsed else "",
            f"detail={self.detail}" if self.detail else "",
        )
        return "; ".join((CACHE_NAME, *filter(None, parts)))


#: Of what was answered before the cache saw it.
NOT_CONSULTED = CacheStatus("", detail="local").header_value


def upstream_query_saved_by(header_value: str) -> Literal["hit", "collapsed", ""]:
    """What spared an upstream query, by a Cache-Status field of this cache; nothing where one was made."""
    said = {each.strip() for each in header_value.split(";")}
    return "hit" if "hit" in said else "collapsed" if "collapsed" in said else ""


def forward_status(failure: Failure, forward: ForwardReason, *, collapsed: bool = False) -> CacheStatus:
    """What became of a question that failed: it was forwarded, unless the gateway itself refused it."""
    if failure.upstream_response is None and not failure.kind.may_have_run:
        return CacheStatus("", detail=failure.kind.code)
    status = failure.upstream_response.status if failure.upstream_response else None
    return CacheStatus(forward, status=status, collapsed=collapsed)


def cache_outcome(header_value: str, status: int) -> str:
    """What became of a request, for statistics; nothing where the cache did not see it.

    `hit`, `revalidated` (304 from memory), `stale`, `collapsed`, `miss` (asked and kept), `not-stored` (asked
    and not kept), `write`, `bypass` (never kept).
    """
    said = [each.strip() for each in header_value.split(";")]
    found = next((code for name, code in _OUTCOMES.items() if name in said), "")
    if not found and any(each.startswith("fwd=") for each in said):
        return "not-stored"
    return "revalidated" if found == "hit" and status == HTTPStatus.NOT_MODIFIED else found


def with_cache_status(failure: Failure, status: CacheStatus, age: int | None = None) -> Failure:
    """The failure again, for one of those who share it, with what the cache did in its header fields."""
    told = Failure(failure.kind)
    vars(told).update(vars(failure))
    own = (("cache-status", status.header_value), *(() if age is None else (("age", str(age)),)))
    told.headers = (*failure.headers, *own)
    told.upstream_response = failure.upstream_response and failure.upstream_response.with_header(
        "cache-status", status.header_value
    )
    return told
