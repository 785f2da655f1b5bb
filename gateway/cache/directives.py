"""What the two sides say of caching: Cache-Control, Pragma, Expires, Vary (RFC 9111 section 5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import inf

from gateway.exchange import FhirRequest, FhirResponse, Headers

_DIRECTIVE_PATTERN = re.compile(
    r'([!#$%&\'*+\-.^_`|~\w]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?', re.ASCII
)
_DELTA_SECONDS = re.compile(r"\d+", re.ASCII)
#: RFC 9111 section 1.2.2: what is greater than that counts as that.
_MAX_DELTA_SECONDS = 2**31
#: Header fields whose values are part of the key, or the same for every request the gateway sends.
_VARY_COVERED_BY_KEY = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "authorization", "deviceid", "host"),
        *("ocp-apim-subscription-key", "prefer", ""),
    }
)
_NOT_STORABLE = frozenset({"no-store", "private", "no-cache"})
_FORBIDS_STALE = frozenset({"must-revalidate", "proxy-revalidate", "s-maxage"})


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """What a client wants of the cache; ages in seconds, infinite where it does not say."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: float = inf
    min_fresh: float = 0.0
    max_stale: float = 0.0

    @property
    def requires_new_fetch(self) -> bool:
        """Whether only a query that begins after this request will do."""
        return self.no_cache or self.max_age <= 0

    def permits(self, age: float, lifetime: float, max_staleness: float = 0.0) -> bool:
        """Whether an answer of this age will do; `stale`: seconds beyond its lifetime that are allowed."""
        if self.no_cache or self.no_store or age > self.max_age:
            return False
        left = lifetime - age
        return left > 0 and left >= self.min_fresh if left > 0 else -left < min(self.max_stale, max_staleness)

    def permits_stale(self, age: float) -> bool:
        """Whether the client leaves it to the gateway to answer with something older than its lifetime."""
        return not (self.no_cache or self.no_store) and age <= self.max_age and not self.min_fresh


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """What an upstream allows: to keep its answer, for how many seconds, and to serve it after them."""

    may_store: bool = True
    lifetime: float = inf
    may_serve_stale: bool = True


def parse_directives(headers: Headers) -> Mapping[str, str]:
    """The directives of every Cache-Control field, names in lower case; the first of a name counts."""
    text = ", ".join(value for name, value in headers if name == "cache-control")
    found: dict[str, str] = {}
    for name, quoted, plain in _DIRECTIVE_PATTERN.findall(text):
        found.setdefault(name.lower(), quoted or plain)
    return found


def request_directives(request: FhirRequest) -> RequestDirectives:
    """What the client's Cache-Control asks; Pragma counts only without one (RFC 9111 section 5.4)."""
    asked = parse_directives(request.headers)
    if not request.header("cache-control"):
        return RequestDirectives(no_cache="no-cache" in request.header("pragma").lower())
    return RequestDirectives(
        no_cache="no-cache" in asked,
        no_store="no-store" in asked,
        only_if_cached="only-if-cached" in asked,
        max_age=_parse_delta_seconds(asked["max-age"]) if "max-age" in asked else inf,
        min_fresh=_parse_delta_seconds(asked.get("min-fresh", "0")),
        max_stale=_parse_delta_seconds(asked.get("max-stale", "0")) if asked.get("max-stale", "0") else inf,
    )


def response_directives(response: FhirResponse) -> ResponseDirectives:
    """What the upstream's header fields allow; everything where they say nothing."""
    said = parse_directives(response.headers)
    varies = {each.strip().lower() for each in response.header("vary").split(",")}
    if not _NOT_STORABLE.isdisjoint(said) or not varies <= _VARY_COVERED_BY_KEY:
        return ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False)
    lifetime = _explicit_lifetime(response, said) - _parse_delta_seconds(response.header("age") or "0")
    return ResponseDirectives(lifetime > 0, lifetime, _FORBIDS_STALE.isdisjoint(said))


def _explicit_lifetime(response: FhirResponse, cache_control: Mapping[str, str]) -> float:
    explicit = next(
        (
            _parse_delta_seconds(cache_control[name])
            for name in ("s-maxage", "max-age")
            if name in cache_control
        ),
        None,
    )
    if explicit is not None or not response.header("expires"):
        return inf if explicit is None else explicit
    try:
        ends, made = (parsedate_to_datetime(response.header(name)) for name in ("expires", "date"))
        return (ends - made).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _parse_delta_seconds(text: str) -> float:
    """Delta-seconds; 0, the cautious reading, for what is none."""
    return float(min(int(text[:12]), _MAX_DELTA_SECONDS)) if _DELTA_SECONDS.fullmatch(text) else 0.0
