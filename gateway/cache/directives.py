"""What the two sides say of caching: Cache-Control, Pragma, Expires, Vary (RFC 9111 section 5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import inf

from gateway.exchange import FhirRequest, FhirResponse, Headers

_DIRECTIVE = re.compile(r'([!#$%&\'*+\-.^_`|~\w]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?', re.ASCII)
_SECONDS = re.compile(r"\d+", re.ASCII)
#: RFC 9111 section 1.2.2: what is greater than that counts as that.
_MOST = 2**31
#: Header fields whose values are part of the key, or the same for every request the gateway sends.
_IN_KEY = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "authorization", "deviceid", "host"),
        *("ocp-apim-subscription-key", "prefer", ""),
    }
)
_NEVER_SHARED = frozenset({"no-store", "private", "no-cache"})
_NO_STALE = frozenset({"must-revalidate", "proxy-revalidate", "s-maxage"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants of the cache; ages in seconds, infinite where it does not say."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: float = inf
    min_fresh: float = 0.0
    max_stale: float = 0.0

    @property
    def anew(self) -> bool:
        """Whether only a query that begins after this request will do."""
        return self.no_cache or self.max_age <= 0

    def served(self, age: float, lifetime: float, stale: float = 0.0) -> bool:
        """Whether an answer of this age will do; `stale`: seconds beyond its lifetime that are allowed."""
        if self.no_cache or self.no_store or age > self.max_age:
            return False
        left = lifetime - age
        return left > 0 and left >= self.min_fresh if left > 0 else -left < min(self.max_stale, stale)

    def takes_stale(self, age: float) -> bool:
        """Whether the client leaves it to the gateway to answer with something older than its lifetime."""
        return not (self.no_cache or self.no_store) and age <= self.max_age and not self.min_fresh


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an upstream allows: to keep its answer, for how many seconds, and to serve it after them."""

    keep: bool = True
    lifetime: float = inf
    stale: bool = True


def directives(headers: Headers) -> Mapping[str, str]:
    """The directives of every Cache-Control field, names in lower case; the first of a name counts."""
    text = ", ".join(value for name, value in headers if name == "cache-control")
    found: dict[str, str] = {}
    for name, quoted, plain in _DIRECTIVE.findall(text):
        found.setdefault(name.lower(), quoted or plain)
    return found


def wanted(request: FhirRequest) -> Wanted:
    """What the client's Cache-Control asks; Pragma counts only without one (RFC 9111 section 5.4)."""
    asked = directives(request.headers)
    if not request.header("cache-control"):
        return Wanted(no_cache="no-cache" in request.header("pragma").lower())
    return Wanted(
        no_cache="no-cache" in asked,
        no_store="no-store" in asked,
        only_if_cached="only-if-cached" in asked,
        max_age=_seconds(asked["max-age"]) if "max-age" in asked else inf,
        min_fresh=_seconds(asked.get("min-fresh", "0")),
        max_stale=_seconds(asked.get("max-stale", "0")) if asked.get("max-stale", "0") else inf,
    )


def allowed(response: FhirResponse) -> Allowed:
    """What the upstream's header fields allow; everything where they say nothing."""
    said = directives(response.headers)
    varies = {each.strip().lower() for each in response.header("vary").split(",")}
    if not _NEVER_SHARED.isdisjoint(said) or not varies <= _IN_KEY:
        return Allowed(keep=False, lifetime=0, stale=False)
    lifetime = _lifetime(response, said) - _seconds(response.header("age") or "0")
    return Allowed(lifetime > 0, lifetime, _NO_STALE.isdisjoint(said))


def _lifetime(response: FhirResponse, said: Mapping[str, str]) -> float:
    explicit = next((_seconds(said[name]) for name in ("s-maxage", "max-age") if name in said), None)
    if explicit is not None or not response.header("expires"):
        return inf if explicit is None else explicit
    try:
        ends, made = (parsedate_to_datetime(response.header(name)) for name in ("expires", "date"))
        return (ends - made).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _seconds(text: str) -> float:
    """Delta-seconds; 0, the cautious reading, for what is none."""
    return float(min(int(text[:12]), _MOST)) if _SECONDS.fullmatch(text) else 0.0
