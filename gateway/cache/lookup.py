"""A question that may be answered from memory, as the cache knows it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gateway.cache.directives import Wanted, wanted
from gateway.cache.freshness import Freshness, keepable, types
from gateway.cache.key import cache_key, caller
from gateway.exchange import FhirRequest, Site
from gateway.http.callers import background


async def _one(_: Site) -> str:
    """Where there is one configuration, and nobody tells engines apart."""
    return ""


@dataclass(frozen=True, slots=True)
class Caching:
    """How a gateway caches.

    `secret` keys the names of what is kept and is the same in all replicas; `version` is that of the
    configuration and, where it is known, of a site's engine; `shared_callers` leads from a caller's hash to
    its group. `lease`: seconds that a killed replica may hold up the others, 0 without replicas; `orphans`:
    queries that may run on when nobody waits; `downstream`: the Cache-Control of answers; `trust_etags`:
    whether an upstream's own ETags are known to change with the content.
    """

    secret: bytes
    freshness: Callable[[Site], Freshness] = lambda _: Freshness()
    version: Callable[[Site], Awaitable[str]] = _one
    shared_callers: Mapping[str, str] = field(default_factory=dict)
    max_body: int = 8_000_000
    lease: float = 0.0
    orphans: int = 100
    downstream: str = "private, no-cache"
    trust_etags: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A request with its key, the resource types it is about, and what the client wants of the cache.

    `asker` tells apart who may be refused what another is not: by credentials, and as background work.
    """

    request: FhirRequest
    site: str
    key: str
    asker: str
    types: frozenset[str]
    freshness: Freshness
    wanted: Wanted


def question(request: FhirRequest, site: Site, caching: Caching, version: str = "") -> Question | None:
    """The question that a request puts; None where its answer is never kept. `version`: `caching` knows."""
    freshness, about = caching.freshness(site), types(request)
    if not keepable(request) or freshness.lifetime(about) <= 0:
        return None
    key = cache_key(request, caching.secret, version=version, shared_callers=caching.shared_callers)
    asker = f"{caller(request.headers)} {background(request.headers)}"
    return Question(request, site.guid, key, asker, about, freshness, wanted(request))
