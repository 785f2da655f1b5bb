"""Cache directives of request and response: Cache-Control, Pragma, Expires, Vary (RFC 9111 section 5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Self

from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.http.headers import SENT_HEADERS
from gateway.http.http_date import parse_http_date

_DIRECTIVE_PATTERN = re.compile(
    r'([!#$%&\'*+\-.^_`|~\w]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?', re.ASCII
)
_DELTA_SECONDS = re.compile(r"\d+", re.ASCII)
#: Seconds: a greater delta-seconds value is read as this one (RFC 9111 section 1.2.2).
_MAX_DELTA_SECONDS = 2**31
#: Header fields of upstream requests that the cache key does not contain and whose values differ. The gateway
#: sends no other fields, such as Origin or Cookie, so that no response depends on them.
_VARY_OUTSIDE_KEY = frozenset({"*", "x-request-id", *SENT_HEADERS}) - {
    *("accept", "accept-language", "authorization", "deviceid", "ocp-apim-subscription-key", "prefer")
}
_NOT_STORABLE = frozenset({"no-store", "private", "no-cache"})
_FORBIDS_STALE = frozenset({"must-revalidate", "proxy-revalidate", "s-maxage"})


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """Cache directives of a request, in seconds; infinity if absent (RFC 9111 section 5.2.1)."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: float = inf
    min_fresh: float = 0.0
    max_stale: float = 0.0

    @property
    def requires_new_fetch(self) -> bool:
        """Whether the response must come from an upstream request that begins after this request."""
        return self.no_cache or self.max_age <= 0

    def with_max_age(self, seconds: float) -> Self:
        """Return directives that permit no response older than this."""
        return replace(self, max_age=min(self.max_age, seconds))

    def permits(self, age: float, lifetime: float, max_staleness: float = 0.0) -> bool:
        """Whether a stored response of this age may be served, at most `max_staleness` past its lifetime."""
        if self.no_cache or self.no_store or age > self.max_age:
            return False
        remaining = lifetime - age
        if remaining > 0:
            return remaining >= self.min_fresh
        return -remaining < min(self.max_stale, max_staleness)

    def permits_stale(self, age: float) -> bool:
        """Whether the directives let the gateway serve a stale response of this age unasked."""
        return not (self.no_cache or self.no_store) and age <= self.max_age and not self.min_fresh


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """Cache directives of an upstream response; `lifetime` in seconds, infinity if absent."""

    may_store: bool = True
    lifetime: float = inf
    may_serve_stale: bool = True

    @property
    def max_accepted_age(self) -> float:
        """Age up to which an app may accept the response, in seconds: the upstream's own lifetime wins."""
        return self.lifetime if self.may_serve_stale else 0.0


def parse_directives(headers: Headers) -> Mapping[str, str]:
    """Return all Cache-Control directives, names in lower case; of a repeated directive, the first."""
    text = ", ".join(value for name, value in headers if name == "cache-control")
    directives: dict[str, str] = {}
    for name, quoted, plain in _DIRECTIVE_PATTERN.findall(text):
        directives.setdefault(name.lower(), quoted or plain)
    return directives


def request_directives(request: FhirRequest) -> RequestDirectives:
    """Read the client's Cache-Control; Pragma counts only without it (RFC 9111 section 5.4)."""
    if not request.header("cache-control"):
        return RequestDirectives(no_cache="no-cache" in request.header("pragma").lower())
    directives = parse_directives(request.headers)
    max_stale = directives.get("max-stale", "0")
    return RequestDirectives(
        no_cache="no-cache" in directives,
        no_store="no-store" in directives,
        only_if_cached="only-if-cached" in directives,
        max_age=_parse_delta_seconds(directives["max-age"]) if "max-age" in directives else inf,
        min_fresh=_parse_delta_seconds(directives.get("min-fresh", "0")),
        max_stale=_parse_delta_seconds(max_stale) if max_stale else inf,
    )


def response_directives(response: FhirResponse) -> ResponseDirectives:
    """Read the upstream's header fields; absent fields permit everything."""
    directives = parse_directives(response.headers)
    fields = ",".join(value for name, value in response.headers if name == "vary")
    vary = {name.strip().lower() for name in fields.split(",")}
    if not _NOT_STORABLE.isdisjoint(directives) or not vary.isdisjoint(_VARY_OUTSIDE_KEY):
        return ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False)
    lifetime = _explicit_lifetime(response, directives) - _parse_delta_seconds(response.header("age") or "0")
    return ResponseDirectives(lifetime > 0, lifetime, _FORBIDS_STALE.isdisjoint(directives))


def _explicit_lifetime(response: FhirResponse, directives: Mapping[str, str]) -> float:
    for name in ("s-maxage", "max-age"):
        if name in directives:
            return _parse_delta_seconds(directives[name])
    if not response.header("expires"):
        return inf
    expires, date = (parse_http_date(response.header(name)) for name in ("expires", "date"))
    return (expires - date).total_seconds() if expires and date else 0.0


def _parse_delta_seconds(text: str) -> float:
    """Parse delta-seconds; 0, the cautious reading, for any other text."""
    return float(min(int(text[:12]), _MAX_DELTA_SECONDS)) if _DELTA_SECONDS.fullmatch(text) else 0.0
